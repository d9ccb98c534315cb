"""The arrows between the rooms point down, and each third party stays in its room."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import rooms

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_sources_keep_to_the_rules():
    findings = rooms.check_sources(REPOSITORY)
    assert not findings, "\n" + "\n".join(map(str, findings))


def test_there_are_sources_to_check():
    assert {room for _, _, room in rooms.files_of(REPOSITORY)} >= {"core", "device"}


def test_cmake_links_what_the_map_allows():
    links = rooms.links(REPOSITORY)
    assert links.keys() == rooms.MAY_USE.keys()
    for room, used in links.items():
        assert used <= rooms.MAY_USE[room], f"src/{room}/CMakeLists.txt links a room that {room} may not use"


def test_the_map_has_no_cycle():
    seen = set()
    for room, uses in rooms.MAY_USE.items():
        assert uses <= seen, f"{room} uses a room that stands above it"
        seen.add(room)


def plant(repository, name, text):
    file = repository / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return [str(finding) for finding in rooms.check_sources(repository)]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("src/core/a.h", '#include "device/buffer.h"', "core must not use device"),
        ("src/media/a.cc", '#include "ops/resize.h"', "media must not use ops"),
        ("src/ops/a.cu", '#include "infer/session.h"', "ops must not use infer"),
        ("src/pipeline/a.cc", "#include <engine/job.h>", "pipeline must not use engine"),
        ("src/pipeline/a.cc", '#include "millrace/job.h"', "pipeline must not use engine"),
        ("src/app/a.cc", '#include "pipeline/plan.h"', "app must not use pipeline"),
        ("include/millrace/a.h", '#include "app/progress.h"', "engine must not use app"),
        ("src/core/a.h", '#if 0\n#  include "device/buffer.h"\n#endif', "core must not use device"),
        ("src/core/a.cc", '#include "a.h"', "included by room"),
        ("src/core/a.cc", '#include "../device/buffer.h"', "included by room"),
        ("src/pipeline/a.cc", "#include <libavcodec/avcodec.h>", "FFmpeg belongs"),
        ("src/media/a.h", "#include <libavutil/frame.h>", "FFmpeg belongs"),
        ("src/device/a.h", "#include <cuda_runtime.h>", "CUDA belongs"),
        ("src/device/cuda/stub/a.cc", "#include <cuda.h>", "CUDA belongs"),
        ("src/media/a.h", "#include <ffnvcodec/dynlink_nvcuvid.h>", "CUDA belongs"),
        ("src/infer/a.h", "#include <onnxruntime_cxx_api.h>", "ONNX Runtime belongs"),
        ("src/infer/onnxruntime/a.cc", "#include <onnx/onnx_pb.h>", "ONNX's classes belong"),
        ("src/core/a.cc", "#include <hwy/highway.h>", "Highway belongs to ops"),
        ("src/engine/a.cc", 'auto v = std::getenv("HOME");', "only app reads the environment"),
        ("src/device/a.cc", "extern char** environ;", "only app reads the environment"),
        ("src/jobs/a.cc", "", "jobs is no room"),
    ],
)
def test_a_planted_fault_is_caught(tmp_path, name, text, complaint):
    findings = plant(tmp_path, name, text + "\n")
    assert len(findings) == 1
    assert complaint in findings[0]
    assert findings[0].startswith(name + ":")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("src/device/a.h", '#include "core/error.h"\n#include "device/buffer.h"\n#include <vector>'),
        ("src/engine/a.cc", '#include "millrace/job.h"\n#include "pipeline/plan.h"'),
        ("src/app/a.cc", '#include "engine/engine.h"\nauto v = std::getenv("HOME");'),
        ("src/media/ffmpeg/a.cc", 'extern "C" {\n#include <libavformat/avformat.h>\n}'),
        ("src/media/nvidia/a.h", "#include <ffnvcodec/dynlink_nvcuvid.h>"),
        ("src/ops/resize_cuda.cu", "#include <cuda_runtime.h>"),
        ("src/ops/a.cc", '#include "hwy/highway.h"'),
        ("src/infer/onnxruntime/a.cc", "#include <onnxruntime_cxx_api.h>"),
        ("src/infer/graph/a.cc", "#include <onnx/onnx_pb.h>"),
        ("src/core/a.h", '// #include "device/buffer.h"\n/*\n#include "ops/resize.h"\n*/'),
        ("src/core/a.cc", 'const char* text = "getenv(";  // getenv() is for app'),
        ("src/core/environment.h", "struct Environment {};"),
    ],
)
def test_what_is_allowed_passes(tmp_path, name, text):
    assert plant(tmp_path, name, text + "\n") == []


def test_the_line_is_named(tmp_path):
    (finding,) = plant(tmp_path, "src/core/a.h", '// one\n\n#include "device/buffer.h"\n')
    assert finding.startswith("src/core/a.h:3: ")
