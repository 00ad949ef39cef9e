{{/*
Labels that select pods. They are part of immutable fields: nothing that may change between two
versions of the chart or two releases of the store belongs here.
Takes a dict: root (the top scope), component.
*/}}
{{- define "medusa.selectorLabels" -}}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/name: {{ .root.Chart.Name }}
{{- end }}

{{/*
Labels of a pod template: the selector's and the store's. The chart's version stays out, so that a
new chart version alone restarts nothing. The chart's own labels win over the store's: a selector
must find its pods whatever labels are asked for.
*/}}
{{- define "medusa.podLabels" -}}
{{- $own := include "medusa.selectorLabels" . | fromYaml -}}
{{- mergeOverwrite (dict) .root.Values.storeorch.labels $own | toYaml }}
{{- end }}

{{/*
Labels of an object.
*/}}
{{- define "medusa.labels" -}}
{{- $own := include "medusa.selectorLabels" . | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- if has .component (list "medusa" "setup") -}}
{{- /* appVersion is Medusa's version; on the database it would be untrue. */ -}}
{{- $_ := set $own "app.kubernetes.io/version" .root.Chart.AppVersion -}}
{{- end -}}
{{- mergeOverwrite (dict) .root.Values.storeorch.labels $own | toYaml }}
{{- end }}

{{/*
Name of the credentials Secret. It is made before the release, never here: what a template
generates changes with every upgrade.
*/}}
{{- define "medusa.credentialsSecret" -}}
{{- required "storeorch.credentialsSecret is required: the name of a Secret in the release's namespace that holds the store's passwords and secrets (README.md lists its keys)" .Values.storeorch.credentialsSecret }}
{{- end }}

{{/*
Name of the Secret with the certificate; empty where the Ingress does not encrypt, or where a
Gateway takes its place.
*/}}
{{- define "medusa.tlsSecret" -}}
{{- $ingress := .Values.ingress -}}
{{- if and $ingress.certManagerIssuer $ingress.certManagerClusterIssuer -}}
{{- fail "ingress.certManagerIssuer and ingress.certManagerClusterIssuer exclude each other" -}}
{{- end -}}
{{- if and (not .Values.gateway.name) (or $ingress.tlsSecret $ingress.certManagerIssuer $ingress.certManagerClusterIssuer) -}}
{{- $ingress.tlsSecret | default "medusa-tls" -}}
{{- end -}}
{{- end }}

{{- define "medusa.url" -}}
{{- $scheme := ternary "https" "http" (or (ne (include "medusa.tlsSecret" .) "") (gt (len .Values.ingress.tls) 0)) -}}
{{- .Values.storeorch.url | default (printf "%s://%s" $scheme .Values.storeorch.host) }}
{{- end }}

{{/*
One environment variable out of the credentials Secret.
Takes a dict: root, name, key.
*/}}
{{- define "medusa.secretEnv" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ include "medusa.credentialsSecret" .root }}
      key: {{ .key }}
{{- end }}

{{/*
What every pod of the chart has in common: nothing of the cluster's is inside it, no API token and
no environment variables about neighbouring services.
*/}}
{{- define "medusa.podSpec" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/*
Both security contexts together satisfy Pod Security "restricted".
Takes a dict: uid.
*/}}
{{- define "medusa.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ .uid | int64 }}
runAsGroup: {{ .uid | int64 }}
fsGroup: {{ .uid | int64 }}
# Without it the kubelet walks the whole claim at each start of the pod.
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "medusa.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end }}

{{/*
How Medusa's own tools reach the database. The password is put into the address by the kubelet, so
it has to be URL-safe; POSTGRES_PASSWORD must come before DATABASE_URL.
*/}}
{{- define "medusa.databaseEnv" -}}
{{ include "medusa.secretEnv" (dict "root" . "name" "POSTGRES_PASSWORD" "key" "postgres-password") }}
- name: DATABASE_URL
  value: postgres://medusa:$(POSTGRES_PASSWORD)@postgresql:5432/medusa
{{- end }}

{{/*
How Medusa reaches Redis; nothing without it. REDIS_PASSWORD must come before REDIS_URL.
*/}}
{{- define "medusa.redisEnv" -}}
{{- with .Values.redis }}
{{- if .enabled }}
{{ include "medusa.secretEnv" (dict "root" $ "name" "REDIS_PASSWORD" "key" "redis-password") }}
- name: REDIS_URL
  value: redis://:$(REDIS_PASSWORD)@redis:6379
{{- else if .urlSecret }}
- name: REDIS_URL
  valueFrom:
    secretKeyRef:
      name: {{ .urlSecret }}
      key: redis-url
{{- else if .url }}
- name: REDIS_URL
  value: {{ .url | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/*
"true" where Medusa keeps its state in Redis, whichever.
*/}}
{{- define "medusa.hasRedis" -}}
{{- if or .Values.redis.enabled .Values.redis.url .Values.redis.urlSecret }}true{{ end }}
{{- end }}

{{/*
What any process of the Medusa image needs, be it the server or the setup.
*/}}
{{- define "medusa.medusaEnv" -}}
{{ include "medusa.databaseEnv" . }}
{{- include "medusa.redisEnv" . }}
{{ include "medusa.secretEnv" (dict "root" . "name" "JWT_SECRET" "key" "jwt-secret") }}
{{ include "medusa.secretEnv" (dict "root" . "name" "COOKIE_SECRET" "key" "cookie-secret") }}
- name: NODE_ENV
  value: production
{{- range $name := list "STORE_CORS" "ADMIN_CORS" "AUTH_CORS" "MEDUSA_BACKEND_URL" }}
- name: {{ $name }}
  value: {{ include "medusa.url" $ | quote }}
{{- end }}
- name: SETUP_REVISION
  value: {{ include "medusa.setupRevision" . | quote }}
# Medusa keeps files in the home folder; the image's is read-only.
- name: HOME
  value: /tmp
- name: MEDUSA_DISABLE_TELEMETRY
  value: "true"
{{- end }}

{{/*
What a container of PostgreSQL's image needs to ask the database with psql.
Takes a dict: root, name, script.
*/}}
{{- define "medusa.waitContainer" -}}
name: {{ .name }}
image: {{ .root.Values.postgresql.image | quote }}
imagePullPolicy: {{ .root.Values.imagePullPolicy }}
# psql rather than Node: Node alone takes most of this container's memory.
command:
  - sh
  - -c
  - |
{{ .root.Files.Get .script | trim | indent 4 }}
env:
  - name: PGHOST
    value: postgresql
  - name: PGUSER
    value: medusa
  - name: PGDATABASE
    value: medusa
  - name: PGCONNECT_TIMEOUT
    value: "3"
  {{- include "medusa.secretEnv" (dict "root" .root "name" "PGPASSWORD" "key" "postgres-password") | nindent 2 }}
  - name: SETUP_REVISION
    value: {{ include "medusa.setupRevision" .root | quote }}
resources:
  {{- toYaml .root.Values.waitForDatabase.resources | nindent 2 }}
securityContext:
  {{- include "medusa.containerSecurityContext" . | nindent 2 }}
{{- end }}

{{/*
Which setup a server needs before it starts: that of its image. It is a name in the database, so a
server on an older image finds its own setup done, and one on a restored database waits for it.
*/}}
{{- define "medusa.setupRevision" -}}
{{- list .Values.medusa.image (.Files.Get "files/setup.sh") | join "\n" | sha256sum | trunc 10 }}
{{- end }}

{{/*
The pod of the setup Job. A Job's template is immutable, so the Job's name is made of it.
*/}}
{{- define "medusa.setupPod" -}}
metadata:
  labels:
    {{- include "medusa.podLabels" (dict "root" . "component" "setup") | nindent 4 }}
spec:
  {{- include "medusa.podSpec" . | nindent 2 }}
  # In place: the pod that failed is the one that tries again, with a growing pause.
  restartPolicy: OnFailure
  securityContext:
    {{- include "medusa.podSecurityContext" (dict "uid" .Values.medusa.runAsUser) | nindent 4 }}
  initContainers:
    - {{- include "medusa.waitContainer" (dict "root" . "name" "wait-for-database" "script" "files/wait-for-database.sh") | nindent 6 }}
  containers:
    - name: setup
      image: {{ .Values.medusa.image | quote }}
      imagePullPolicy: {{ .Values.imagePullPolicy }}
      command:
        - sh
        - -c
        - |
{{ .Files.Get "files/setup.sh" | trim | indent 10 }}
      env:
        {{- include "medusa.medusaEnv" . | nindent 8 }}
        - name: MEDUSA_ADMIN_EMAIL
          value: {{ .Values.adminEmail | quote }}
        {{- include "medusa.secretEnv" (dict "root" . "name" "MEDUSA_ADMIN_PASSWORD" "key" "admin-password") | nindent 8 }}
        - name: STORE_NAME
          value: {{ .Values.shop.title | default (.Values.storeorch.storeName | default .Release.Name | replace "-" " " | title) | quote }}
        - name: STORE_CURRENCY
          value: {{ .Values.shop.currency | quote }}
        - name: STORE_COUNTRY
          value: {{ .Values.shop.country | quote }}
        - name: STORE_SAMPLE_PRODUCT
          value: {{ .Values.shop.sampleProduct | quote }}
      resources:
        {{- toYaml .Values.setup.resources | nindent 8 }}
      securityContext:
        {{- include "medusa.containerSecurityContext" . | nindent 8 }}
      volumeMounts:
        - name: scratch
          mountPath: /tmp
  volumes:
    - name: scratch
      emptyDir:
        sizeLimit: 1Gi
{{- end }}
