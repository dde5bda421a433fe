# voicebox on a CPU.
#
#   docker build -t voicebox .
#   docker run -p 8000:8000 -v voicebox-models:/models -e VOICEBOX_SERVER__API_KEY=... voicebox
#
# The first start pulls the models that talking needs (about 150 MB) into the volume, the instruct model (1.1 GB) follows
# in the background; VOICEBOX_MODELS__LEAN=true leaves it out. The key is needed because the server listens beyond
# loopback.

FROM python:3.12-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
# llama.cpp first: it takes minutes and changes least.
COPY scripts/setup.sh scripts/nocommon.cmake scripts/
RUN PYTHON=python3.12 scripts/setup.sh llama && rm -rf /root/.cache
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY voicebox voicebox
COPY models models
COPY web web
RUN .venv/bin/python -m pip install --no-cache-dir .

FROM python:3.12-slim-bookworm
# OpenMP, for llama.cpp.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 voicebox \
    && install -d -o voicebox -g voicebox /models
# The same path as in the first stage: a virtual environment cannot move.
COPY --from=build /app/.venv /app/.venv
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    VOICEBOX_MODELS_DIR=/models \
    VOICEBOX_SERVER__HOST=0.0.0.0
USER voicebox
WORKDIR /home/voicebox
VOLUME /models
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=180s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
CMD ["sh", "-c", "voicebox models pull --default --quick && exec voicebox serve"]
