FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# No package needs its scripts here: the one that has any brings a Node, and the image is one.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE ./
COPY domain domain
COPY projections projections
COPY src src
RUN install --directory --owner=node --group=node /data
VOLUME /data
USER node
EXPOSE 4000
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=6 CMD ["node", "--eval", \
  "fetch('http://127.0.0.1:' + (process.env.PORT || 4000) + '/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# The Kafka client starts timers of negative length, harmlessly.
ENTRYPOINT ["node", "--disable-warning=TimeoutNegativeWarning", "src/cli/main.ts"]
CMD ["serve"]
