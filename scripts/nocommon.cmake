# Included by llama.cpp's project() call. llama-cpp-python forces `common` on in the cache; nothing here uses it, and
# leaving it out makes the build shorter.
set(LLAMA_BUILD_COMMON OFF)
