#!/bin/sh
# Checks what stands in deploy/ with the programs that know these formats, where they are on the PATH:
#
#   helm                  go install helm.sh/helm/v3/cmd/helm@v3.19.0
#   kubernetes-validate   pip install kubernetes-validate   (brings the schemas of Kubernetes along: needs no network)
#   docker compose        https://docs.docker.com/compose/install/
#   systemd-analyze       comes with systemd
#
# Says what it checked and what it skipped, and ends with 1 when something is wrong.

set -eu
cd "$(dirname "$0")"
KUBERNETES=${KUBERNETES:-1.34}
OLDEST=1.30
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

has() { command -v "$1" >/dev/null 2>&1; }
checked() { echo "checked: $*"; }
skipped() { echo "skipped: $1 is not on the PATH: $2"; }

manifests() {
  kubernetes-validate --quiet --strict -k "$OLDEST" "$@"
  kubernetes-validate --quiet --strict -k "$KUBERNETES" "$@"
}

render() {
  helm template gateway helm/promptmetrics --kube-version "$KUBERNETES" "$@"
}

rendered() {
  render "$@" >"$scratch/rendered.yaml"
  if has kubernetes-validate; then manifests "$scratch/rendered.yaml"; fi
}

# Values that nobody could run with end with words, not with a broken installation.
refused() {
  if render "$@" >/dev/null 2>&1; then
    echo "the chart takes: $*" >&2
    exit 1
  fi
}

if has kubernetes-validate; then
  manifests kubernetes/*.yaml
  checked "kubernetes/*.yaml against Kubernetes $OLDEST and $KUBERNETES"
else
  skipped kubernetes-validate "kubernetes/*.yaml, rendered charts"
fi

if has helm; then
  helm lint --strict --quiet helm/promptmetrics
  shared='--set secretSettings.DATABASE_URL.name=s,secretSettings.DATABASE_URL.key=k,secretSettings.API_KEY_SALT.name=s,secretSettings.API_KEY_SALT.key=k'
  rendered
  # shellcheck disable=SC2086
  rendered --set replicas=3 $shared
  rendered --set mode=forward,settings.OTLP_AUTH=off,persistence.enabled=false,resources.limits.memory=256Mi
  rendered --set-json 'config={"buffer":{"max_bytes":"4GiB"}}' --set persistence.storageClass=fast,image.tag=1.2.3
  rendered --set ingress.enabled=true,ingress.className=nginx,ingress.hosts[0].host=a.example,ingress.hosts[1].host=b.example,ingress.hosts[1].port=otlp-http
  rendered --set imagePullSecrets[0].name=s,priorityClassName=high,nodeSelector.disk=ssd,podAnnotations.a=b,podLabels.c=d,serviceAccount.annotations.e=f
  refused --set replicas=2
  refused --set mode=forward
  refused --set settings.SHUTDOWN_DEADLINE_MS=60000
  refused --set settings.PORT=1
  refused --set mod=full
  checked "helm/promptmetrics"
else
  skipped helm "helm/promptmetrics"
fi

if has docker && docker compose version >/dev/null 2>&1; then
  for file in compose/single.yaml compose/postgres-redis.yaml compose/jaeger-tempo.yaml; do
    POSTGRES_PASSWORD=p API_KEY_SALT=s docker compose -f "$file" config --quiet
  done
  checked "compose/*.yaml"
else
  skipped "docker compose" "compose/*.yaml"
fi

if has systemd-analyze; then
  # It asks whether the program is there: here, wherever it is on this machine.
  sed "s|/usr/bin/node|$(command -v node)|" systemd/promptmetrics.service >"$scratch/promptmetrics.service"
  systemd-analyze verify "$scratch/promptmetrics.service"
  checked "systemd/promptmetrics.service"
else
  skipped systemd-analyze "systemd/promptmetrics.service"
fi
