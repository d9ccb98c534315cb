// What of TensorRT's library says its version.

extern "C" int getInferLibVersion() { return 101303; }  // NOLINT(readability-identifier-naming): TensorRT's own name
