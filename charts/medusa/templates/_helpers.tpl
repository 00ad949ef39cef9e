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
{{- if eq .component "medusa" -}}
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

{{- define "medusa.url" -}}
{{- .Values.storeorch.url | default (printf "http://%s" .Values.storeorch.host) }}
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

{{/*
Takes a dict: readOnly.
*/}}
{{- define "medusa.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: {{ .readOnly }}
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
What any process of the Medusa image needs, be it the server, the migration or a seed.
*/}}
{{- define "medusa.medusaEnv" -}}
{{ include "medusa.databaseEnv" . }}
{{ include "medusa.secretEnv" (dict "root" . "name" "JWT_SECRET" "key" "jwt-secret") }}
{{ include "medusa.secretEnv" (dict "root" . "name" "COOKIE_SECRET" "key" "cookie-secret") }}
- name: NODE_ENV
  value: production
{{- range $name := list "STORE_CORS" "ADMIN_CORS" "AUTH_CORS" "MEDUSA_BACKEND_URL" }}
- name: {{ $name }}
  value: {{ include "medusa.url" $ | quote }}
{{- end }}
# npm and Medusa keep files in the home folder; the image's is read-only.
- name: HOME
  value: /tmp
- name: MEDUSA_DISABLE_TELEMETRY
  value: "true"
- name: npm_config_update_notifier
  value: "false"
{{- end }}

{{/*
Waits until the database accepts Medusa's own credentials.
*/}}
{{- define "medusa.waitForDatabase" -}}
name: wait-for-database
image: {{ .Values.postgresql.image | quote }}
imagePullPolicy: {{ .Values.imagePullPolicy }}
# psql rather than Node: Node alone takes most of this container's memory.
command:
  - sh
  - -c
  - |
{{ .Files.Get "files/wait-for-database.sh" | trim | indent 4 }}
env:
  - name: PGHOST
    value: postgresql
  - name: PGUSER
    value: medusa
  - name: PGDATABASE
    value: medusa
  - name: PGCONNECT_TIMEOUT
    value: "3"
  {{- include "medusa.secretEnv" (dict "root" . "name" "PGPASSWORD" "key" "postgres-password") | nindent 2 }}
resources:
  {{- toYaml .Values.waitForDatabase.resources | nindent 2 }}
securityContext:
  {{- include "medusa.containerSecurityContext" (dict "readOnly" true) | nindent 2 }}
{{- end }}

{{/*
Brings the database up to the image.

An init container of the server rather than a Job of its own, because it is the sturdier of the two:
- The order is the kubelet's: no server ever starts on a schema that its image does not know, and
  nothing has to ask whether a Job is through.
- It mends itself. A Job that used up its retries stays failed however often the same release is
  installed again, and one that is complete does not run again for a database that was restored or
  lost its volume.
- A Job's template is immutable: it needs a new name for each image, and a rollback brings an old
  one back.
- It takes no room in the quota: a pod asks for the largest of its init containers or the sum of the
  others.
It costs some ten seconds at each start of the pod. It asks for one replica and "Recreate", so that
two migrations never meet; whoever adds replicas moves this container into a Job.
*/}}
{{- define "medusa.migrate" -}}
name: migrate
image: {{ .Values.medusa.image | quote }}
imagePullPolicy: {{ .Values.imagePullPolicy }}
command:
  - sh
  - -c
  - |
{{ .Files.Get "files/migrate.sh" | trim | indent 4 }}
env:
  {{- include "medusa.medusaEnv" . | nindent 2 }}
  - name: MEDUSA_ADMIN_EMAIL
    value: {{ .Values.adminEmail | quote }}
  {{- include "medusa.secretEnv" (dict "root" . "name" "MEDUSA_ADMIN_PASSWORD" "key" "admin-password") | nindent 2 }}
resources:
  {{- toYaml .Values.migrate.resources | nindent 2 }}
securityContext:
  # db:migrate makes a folder "migrations" in every module that has none.
  {{- include "medusa.containerSecurityContext" (dict "readOnly" false) | nindent 2 }}
volumeMounts:
  - name: scratch
    mountPath: /tmp
{{- end }}
