# Kantu in a container: docker compose up --detach
FROM python:3.12-slim

WORKDIR /kantu
COPY requirements-serve.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --requirement requirements-serve.txt \
    && useradd --system --no-create-home kantu
COPY LICENSE wsgi.py ./
COPY app app/
COPY deploy/gunicorn.conf.py deploy/
COPY model_assets model_assets/
COPY static static/
COPY templates templates/
RUN python -m compileall -q app wsgi.py

USER kantu
ENV HOST=0.0.0.0 PORT=5000 PYTHONDONTWRITEBYTECODE=1
EXPOSE 5000
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/readyz', timeout=9)"]
CMD ["python", "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "wsgi"]
