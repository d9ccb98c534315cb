# shellcheck shell=bash disable=SC2034  # read by scripts/setup
# Everything scripts/setup fetches that is not the system's own package, by exact version.
# A changed line here makes the next scripts/setup replace exactly that part of .deps/.

BUILD_TOOLS=(cmake==4.4.4 ninja==1.13.2)

PYTHON_TOOLS=(ruff==0.17.5 pytest==9.2.0 numpy==2.4.6 onnx==1.23.2 onnxruntime==1.31.1 av==18.1.0)

# What builds and checks the Python package; pyproject.toml names the first two again (tests/structure compares them).
PACKAGE_TOOLS=(nanobind==3.1.0 scikit-build-core==1.1.2 mypy==2.4.1)

# With --frameworks, into the same environment: what scripts are tested with, at today's versions.
SCRIPT_TOOLS=(opencv-python-headless==4.14.0.94 jax==0.10.2 jaxlib==0.10.2)

# With --frameworks, into .deps/frameworks: an environment of the system's Python, for Debian's PyTorch (PyPI's brings 3 GB of
# CUDA), and what goes with its numpy 1.
FRAMEWORKS_SYSTEM=(python3-torch)
FRAMEWORKS=(
    numpy==1.26.4 onnx==1.19.1 onnxruntime==1.31.1 opencv-python-headless==4.11.0.86 av==18.1.0
    jax==0.6.2 jaxlib==0.6.2 tensorflow-cpu==2.20.0 pytest==9.2.0
)

CUDA_WHEELS=(
    nvidia-cuda-nvcc==13.0.88
    nvidia-cuda-crt==13.0.88
    nvidia-nvvm==13.0.88
    nvidia-cuda-runtime==13.0.96
    nvidia-cuda-cccl==13.0.85
    nvidia-cuda-cupti==13.0.85
)

# Headers only: the library is the user's, loaded at run time. Later front ends want NVRTC's headers too; the second is the
# smallest package that has cuDNN's own.
CUDNN_WHEELS=(nvidia-cudnn-frontend==1.18.0 nvidia-cudnn-jit-cu13==9.19.0.56)

# Packages taken from this Debian suite where the system's own are missing or too old.
BORROWED_SUITE=trixie
HIGHWAY_MINIMUM=1.2
ONNXRUNTIME_HEADERS_MINIMUM=1.21

SYSTEM_BUILD=(
    build-essential ccache git make pkg-config python3 python3-venv
    libavcodec-dev libavfilter-dev libavformat-dev libavutil-dev libswresample-dev libswscale-dev
    libffmpeg-nvenc-dev libssl-dev libfmt-dev libonnx-dev libprotobuf-dev nlohmann-json3-dev
)

SYSTEM_TEST=(
    libbenchmark-dev libgmock-dev libgtest-dev librapidcheck-dev libzimg-dev
    clang-19 clang-format-19 clang-tidy-19 libclang-rt-19-dev shellcheck ffmpeg
)
