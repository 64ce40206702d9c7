# syntax=docker/dockerfile:1
FROM node:22.23.3-bookworm AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev

FROM node:22.23.3-bookworm-slim
# What SQLite sorts and doesn't hold in memory goes to the one place that may be written to.
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data SQLITE_TMPDIR=/data
WORKDIR /app
COPY --from=build --chown=root:root /app/package.json ./
COPY --from=build --chown=root:root /app/node_modules ./node_modules
COPY --from=build --chown=root:root /app/dist ./dist
# The one place that is written to: runs with a read-only root file system.
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3000 4317 4318
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/health`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node is process 1: it gets SIGTERM itself, and drains.
CMD ["node", "dist/src/main.js"]
