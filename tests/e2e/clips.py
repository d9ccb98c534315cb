"""The clips: what they are made of by ffmpeg, and what is special about each."""

from __future__ import annotations

from tools import ffmpeg, pattern, x264

MPEG2 = ["-c:v", "mpeg2video", "-bf", "2", "-g", "12", "-q:v", "4"]
SPREAD = "setpts='(N+0.4*mod(N*7,5)/5)/25/TB'"


def hevc(extra="") -> list[str]:
    parameters = f"keyint=12:min-keyint=12:scenecut=0:log-level=error:pools=2:frame-threads=1:{extra}"
    return ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", parameters]


# name -> (file name, ffmpeg's arguments between the test pattern and the file name)
SIMPLE = {
    "cfr": ("cfr.mp4", x264()),
    "b_pyramid": ("pyramid.mp4", x264("b-pyramid=normal:b-adapt=0", gop=25, bframes=7)),
    "no_b_frames": ("no_b.mkv", x264(bframes=0)),
    "open_gop": ("open.mp4", x264("open-gop=1")),
    "open_gop_mkv": ("open.mkv", x264("open-gop=1:b-adapt=0", bframes=4)),
    "gradual_refresh": ("refresh.mp4", x264("intra-refresh=1")),
    "vfr": ("vfr.mp4", ["-vf", SPREAD, "-vsync", "vfr", "-enc_time_base", "1/90000", *x264()]),
    "vfr_mkv": ("vfr.mkv", ["-vf", SPREAD, "-vsync", "vfr", "-enc_time_base", "1/90000", *x264()]),
    "ten_bit": ("ten.mp4", ["-pix_fmt", "yuv420p10le", *x264()]),
    "chroma_422": ("422.mp4", ["-pix_fmt", "yuv422p", *x264()]),
    "chroma_422_ten": ("422p10.mp4", ["-pix_fmt", "yuv422p10le", *x264()]),
    "chroma_444": ("444.mp4", ["-pix_fmt", "yuv444p", *x264()]),
    "chroma_444_ten": ("444p10.mkv", ["-pix_fmt", "yuv444p10le", *x264()]),
    "grey": ("grey.mp4", ["-pix_fmt", "gray", *x264()]),
    "full_range": ("full.mp4", ["-pix_fmt", "yuvj420p", *x264()]),
    "interlaced": ("mbaff.mp4", ["-flags", "+ildct+ilme", "-top", "1", *x264("interlaced=1")]),
    "hevc": ("hevc.mp4", hevc("open-gop=0:bframes=3")),
    "hevc_open_gop": ("hevc_open.mkv", hevc("open-gop=1:bframes=3")),
    "hevc_twelve_bit": ("hevc12.mp4", ["-pix_fmt", "yuv420p12le", *hevc("open-gop=0")]),
    "mpeg_ts": ("h264.ts", x264()),
    "mpeg_ts_open": ("open.ts", x264("open-gop=1")),
    "mpeg2_ts": ("mpeg2.ts", MPEG2),
    "avi": ("mpeg4.avi", ["-c:v", "mpeg4", "-bf", "2", "-g", "12", "-q:v", "4"]),
    "avi_h264": ("h264.avi", x264(bframes=0)),
    "raw_h264": ("raw.h264", [*x264(), "-bsf:v", "h264_mp4toannexb", "-f", "h264"]),
    "raw_hevc": ("raw.hevc", [*hevc("open-gop=1"), "-f", "hevc"]),
    "vp9": ("vp9.webm", ["-c:v", "libvpx-vp9", "-g", "12", "-deadline", "realtime", "-cpu-used", "8",
                         "-auto-alt-ref", "1", "-lag-in-frames", "10", "-b:v", "200k"]),
    "vp8": ("vp8.webm", ["-c:v", "libvpx", "-g", "12", "-deadline", "realtime", "-b:v", "200k"]),
    "av1": ("av1.mp4", ["-c:v", "libsvtav1", "-preset", "12", "-g", "24", "-svtav1-params", "lp=2"]),
    "prores": ("prores.mov", ["-c:v", "prores_ks", "-pix_fmt", "yuv422p10le"]),
    "mjpeg": ("mjpeg.avi", ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "4"]),
    "start_offset": ("offset.mp4", [*x264(), "-output_ts_offset", "3.7"]),
    "start_offset_mkv": ("offset.mkv", [*x264(), "-output_ts_offset", "3.7"]),
    "start_offset_ts": ("offset.ts", [*x264(), "-output_ts_offset", "3.7"]),
    "pts_wrap": ("wrap.ts", [*x264(), "-output_ts_offset", "95441.5"]),
    "square_not": ("sar.mp4", ["-vf", "setsar=4/3", *x264()]),
    "fragmented_mp4": ("fragmented.mp4", [*x264(), "-movflags", "+frag_keyframe+empty_moov"]),
}  # fmt: skip

ODD = ["-vf", "scale=97:53:flags=neighbor"]
SIMPLE |= {
    "odd_420": ("odd.mkv", [*ODD, "-pix_fmt", "yuv420p", "-c:v", "ffv1", "-g", "1"]),
    "odd_422": ("odd422.mkv", [*ODD, "-pix_fmt", "yuv422p", "-c:v", "ffv1", "-g", "1"]),
    "odd_444": ("odd444.mp4", [*ODD, "-pix_fmt", "yuv444p", *x264()]),
    "cropped": ("cropped.mp4", ["-vf", "scale=98:54:flags=neighbor", *x264()]),
}


def make_edit_list(folder):
    """Cut without decoding 0.3 s after a key frame: the edit list hides the frames before."""
    whole = make(folder, "cfr")
    path = folder / "edit_list.mp4"
    ffmpeg("-ss", "0.78", "-i", whole, "-c", "copy", path)
    return path


def make_two_joined(folder):
    """Two transport streams one after the other: the times run back."""
    whole = make(folder, "mpeg_ts")
    path = folder / "joined.ts"
    path.write_bytes(whole.read_bytes() * 2)
    return path


def make_rotated(folder):
    """To be shown turned by a quarter."""
    path = folder / "rotated.mp4"
    ffmpeg("-i", make(folder, "cfr"), "-c", "copy", "-metadata:s:v", "rotate=90", path)
    return path


def make_full(folder):
    """Video, two sounds, subtitles, chapters, metadata, an attachment: all that a file can hold."""
    path = folder / "full.mkv"
    subtitles = folder / "full.srt"
    lines = [f"{i + 1}\n00:00:0{i},100 --> 00:00:0{i},900\nline {i}\n" for i in range(4)]
    subtitles.write_text("\n".join(lines))
    chapters = folder / "full.ffmeta"
    chapters.write_text(
        ";FFMETADATA1\ntitle=The whole\nartist=Somebody\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2000\ntitle=First\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=2000\nEND=4000\ntitle=Second\n"
    )
    attached = folder / "full.txt"
    attached.write_text("a font, say\n")
    ffmpeg(
        *pattern(), "-f", "lavfi", "-i", "sine=frequency=440:duration=4",
        "-f", "lavfi", "-i", "sine=frequency=880:sample_rate=48000:duration=4", "-i", subtitles, "-i", chapters,
        "-map", "0:v", "-map", "1:a", "-map", "2:a", "-map", "3:s", "-map_metadata", "4", *x264(),
        "-c:a:0", "aac", "-c:a:1", "libopus", "-c:s", "srt", "-metadata:s:a:1", "language=deu",
        "-disposition:a:0", "0", "-disposition:a:1", "default", "-attach", attached,
        "-metadata:s:t", "mimetype=text/plain", path,
    )  # fmt: skip
    return path


def make_sound_mp4(folder):
    """MP4 with AAC, whose priming lies before zero."""
    path = folder / "sound.mp4"
    ffmpeg(*pattern(), "-f", "lavfi", "-i", "sine=duration=4:sample_rate=48000", *x264(), "-c:a", "aac", path)
    return path


def make_two_videos(folder):
    path = folder / "two_videos.mkv"
    ffmpeg(*pattern(), *pattern("64x48"), "-map", "0:v", "-map", "1:v", *x264(), path)
    return path


SPECIAL = {
    "edit_list": make_edit_list,
    "two_joined": make_two_joined,
    "rotated": make_rotated,
    "full": make_full,
    "sound_mp4": make_sound_mp4,
    "two_videos": make_two_videos,
}


def make(folder, name):
    """The path of a clip, made on first use."""
    if name in SPECIAL:
        made = folder / f".{name}"
        if not made.exists():
            made.write_text(str(SPECIAL[name](folder)))
        return folder / made.read_text()
    file, arguments = SIMPLE[name]
    path = folder / file
    if not path.exists():
        ffmpeg(*pattern(), *arguments, path)
    return path
