# The one image of Cartwright: compose.yaml runs it as web server, Celery worker and beat.

FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv --without-pip /venv
COPY requirements/prod.txt .
RUN pip --python /venv/bin/python install --require-hashes --only-binary :all: \
    --requirement prod.txt

FROM python:3.11-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    ENVIRONMENT=production STATIC_ROOT=/srv/static HOST=0.0.0.0 PORT=8000
RUN useradd --uid 10001 cartwright
COPY --from=build /venv /venv
WORKDIR /srv/cartwright
COPY manage.py ./
COPY config config
COPY accounts accounts
COPY carts carts
COPY orders orders
COPY products products
COPY templates templates
# Collecting static files asks no store, and no secret outlives this line.
RUN SECRET_KEY=$(python -c "import secrets; print(secrets.token_urlsafe(64))") \
    ALLOWED_HOSTS=localhost DATABASE_URL=postgresql:///unused REDIS_URL=redis://unused \
    python manage.py collectstatic --no-input
# By number, so that Kubernetes can tell it is not root.
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz')"]
CMD ["python", "-m", "config.server"]
