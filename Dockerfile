# One image for web, live, worker and beat (compose.yaml); it holds no secret and no .env.
FROM python:3.13-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin crm \
    && install -d -o crm -g crm /app /data /data/recordings /data/static
WORKDIR /app
COPY requirements.txt .
RUN pip install --require-hashes --only-binary :all: --no-binary http-ece,py-vapid -r requirements.txt
COPY manage.py Procfile ./
COPY tenants tenants
COPY contacts contacts
COPY calls calls
COPY voip_crm voip_crm
COPY templates templates
COPY static static

ENV RECORDINGS_DIR=/data/recordings STATIC_ROOT=/data/static
USER crm
EXPOSE 8000 8001
# The same commands as without containers: `web`, `live`, `worker`, `beat` or `release`.
ENTRYPOINT ["sh", "-c", "exec sh -c \"$(sed -n \"s/^$0: //p\" Procfile)\""]
CMD ["web"]
