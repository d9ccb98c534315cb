"""What a careful person writes without Millrace: PyAV decodes, onnxruntime runs, PyAV encodes, one loop.

    careful_loop.py INPUT MODEL OUTPUT PRESET THREADS

Frames are batched one at a time, as the model is fed in `millrace run`; the session uses THREADS threads without
spinning, the encoder the same crf and preset. Audio is copied. Prints the frames per second of the loop.
"""

import sys
import time

import av
import numpy as np
import onnxruntime as ort


def main() -> None:
    source, model, target, preset, threads = sys.argv[1:6]
    options = ort.SessionOptions()
    options.intra_op_num_threads = int(threads)
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    with av.open(source) as reader, av.open(target, "w") as writer:
        video = reader.streams.video[0]
        video.thread_type = "AUTO"
        encoder = writer.add_stream("libx264", rate=video.average_rate, options={"crf": "23", "preset": preset})
        encoder.width, encoder.height, encoder.pix_fmt = video.width * 2, video.height * 2, "yuv420p"
        encoder.time_base = video.time_base
        audio = [s for s in reader.streams if s.type == "audio"]
        copies = {s.index: writer.add_stream_from_template(s) for s in audio}
        frames = 0
        start = time.perf_counter()
        for packet in reader.demux(video, *audio):
            if packet.stream.type == "audio":
                if packet.dts is not None:
                    packet.stream = copies[packet.stream.index]
                    writer.mux(packet)
                continue
            for frame in packet.decode():
                rgb = frame.to_ndarray(format="rgb24")
                tensor = np.ascontiguousarray(rgb.transpose(2, 0, 1)[None], dtype=np.float32) / np.float32(255)
                result = session.run(None, {name: tensor})[0][0]
                picture = np.rint(np.clip(result, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
                out = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
                out.pts, out.time_base = frame.pts, frame.time_base
                writer.mux(encoder.encode(out))
                frames += 1
        writer.mux(encoder.encode())
        seconds = time.perf_counter() - start
    print(f"{frames / seconds:.3f}")


if __name__ == "__main__":
    main()
