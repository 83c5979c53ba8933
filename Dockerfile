# One image for everything: `serve`, `work`, `migrate`, `sandbox` and all other commands, by argument.
# Pin the base by its digest before you build for production: docs/deploying.md says how.
FROM python:3.12.8-slim-bookworm AS build
WORKDIR /build
COPY requirements/uv.txt requirements/container.txt requirements/
RUN python -m venv /opt/uv \
    && /opt/uv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/uv.txt \
    && /opt/uv/bin/uv venv --python python /opt/billing \
    && /opt/uv/bin/uv pip install --no-cache --python /opt/billing/bin/python --require-hashes -r requirements/container.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/uv/bin/uv pip install --no-cache --python /opt/billing/bin/python --no-deps --no-build-isolation . \
    && /opt/billing/bin/python -m compileall -q -j 0 /opt/billing/lib
COPY ops/container/healthcheck.py /opt/billing/healthcheck.py

FROM python:3.12.8-slim-bookworm AS run
COPY --from=build /opt/billing /opt/billing
ENV PATH=/opt/billing/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BILLING_HOST=0.0.0.0 \
    BILLING_LOG_FORMAT=json
WORKDIR /tmp
USER 10001:10001
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["python", "/opt/billing/healthcheck.py"]
ENTRYPOINT ["echodesk-billing"]
CMD ["serve"]
