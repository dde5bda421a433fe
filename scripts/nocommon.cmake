# Included by llama.cpp's project() call. llama-cpp-python forces this on; nothing here needs llama.cpp's `common`,
# and leaving it out saves about half of the compile time.
set(LLAMA_BUILD_COMMON OFF)
