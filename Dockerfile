# Trimtab's server and its trainer in one image: the server by default, `node_modules/.bin/node trainer/main.ts` for a trainer.
FROM node:22-bookworm-slim

ENV NODE_ENV=production \
    ONNXRUNTIME_NODE_INSTALL=skip \
    HOST=0.0.0.0 \
    PORT=8787 \
    TRIMTAB_STATE=/data

WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev && npm cache clean --force

COPY LICENSE wrangler.toml tsconfig.json ./
COPY shared shared
COPY edge edge
COPY trainer trainer
COPY infra infra
# Written now, because the running server may not write to /app.
RUN node_modules/.bin/node infra/start/build-wasm.ts \
    && mkdir /data && chown node:node /data

USER node
VOLUME /data
EXPOSE 8787
HEALTHCHECK --interval=10s --start-period=60s CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node_modules/.bin/node", "infra/start/serve.ts"]
