{{/*
Labels that select pods. They are part of immutable fields: nothing that may change between two
versions of the chart or two releases of the store belongs here.
Takes a dict: root (the top scope), component.
*/}}
{{- define "woocommerce.selectorLabels" -}}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/name: {{ .root.Chart.Name }}
{{- end }}

{{/*
Labels of a pod template: the selector's and the store's. The chart's version stays out, so that a
new chart version alone restarts nothing. The chart's own labels win over the store's: a selector
must find its pods whatever labels are asked for.
*/}}
{{- define "woocommerce.podLabels" -}}
{{- $own := include "woocommerce.selectorLabels" . | fromYaml -}}
{{- mergeOverwrite (dict) .root.Values.storeorch.labels $own | toYaml }}
{{- end }}

{{/*
Labels of an object.
*/}}
{{- define "woocommerce.labels" -}}
{{- $own := include "woocommerce.selectorLabels" . | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- if eq .component "wordpress" -}}
{{- /* appVersion is WordPress' version; on the database it would be untrue. */ -}}
{{- $_ := set $own "app.kubernetes.io/version" .root.Chart.AppVersion -}}
{{- end -}}
{{- mergeOverwrite (dict) .root.Values.storeorch.labels $own | toYaml }}
{{- end }}

{{/*
Name of the credentials Secret. It is made before the release, never here: what a template
generates changes with every upgrade.
*/}}
{{- define "woocommerce.credentialsSecret" -}}
{{- required "storeorch.credentialsSecret is required: the name of a Secret in the release's namespace that holds the store's passwords and salts (README.md lists its keys)" .Values.storeorch.credentialsSecret }}
{{- end }}

{{/*
The Secret with the certificate; empty where the Ingress does not encrypt.
*/}}
{{- define "woocommerce.tlsSecret" -}}
{{- with .Values.ingress -}}
{{- if or .tlsSecret .certManagerIssuer .certManagerClusterIssuer -}}
{{- .tlsSecret | default "wordpress-tls" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "woocommerce.url" -}}
{{- $encrypted := and (not .Values.gateway.name) (or (include "woocommerce.tlsSecret" .) .Values.ingress.tls) -}}
{{- .Values.storeorch.url | default (printf "%s://%s" (ternary "https" "http" (not (empty $encrypted))) .Values.storeorch.host) }}
{{- end }}

{{/*
One environment variable out of the credentials Secret.
Takes a dict: root, name, key.
*/}}
{{- define "woocommerce.secretEnv" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ include "woocommerce.credentialsSecret" .root }}
      key: {{ .key }}
{{- end }}

{{/*
What every pod of the chart has in common: nothing of the cluster's is inside it, no API token and
no environment variables about neighbouring services.
*/}}
{{- define "woocommerce.podSpec" -}}
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
{{- define "woocommerce.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ .uid | int64 }}
runAsGroup: {{ .uid | int64 }}
fsGroup: {{ .uid | int64 }}
# Without it the kubelet walks the whole claim at each start of the pod.
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "woocommerce.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end }}

{{/*
How WordPress reaches its database: for WordPress itself and for whatever waits for it or sets it
up.
*/}}
{{- define "woocommerce.databaseEnv" -}}
- name: WORDPRESS_DB_HOST
  value: mysql
- name: WORDPRESS_DB_NAME
  value: wordpress
- name: WORDPRESS_DB_USER
  value: wordpress
{{ include "woocommerce.secretEnv" (dict "root" . "name" "WORDPRESS_DB_PASSWORD" "key" "mysql-password") }}
{{- end }}

{{/*
Everything that WordPress and Apache are told. Keys and salts come from the Secret: drawn anew for
every pod, each restart would log everyone out.
*/}}
{{- define "woocommerce.wordpressEnv" -}}
{{ include "woocommerce.databaseEnv" . }}
{{- range $name := list "AUTH_KEY" "SECURE_AUTH_KEY" "LOGGED_IN_KEY" "NONCE_KEY" "AUTH_SALT" "SECURE_AUTH_SALT" "LOGGED_IN_SALT" "NONCE_SALT" }}
{{ include "woocommerce.secretEnv" (dict "root" $ "name" (printf "WORDPRESS_%s" $name) "key" (printf "wordpress-%s" ($name | lower | replace "_" "-"))) }}
{{- end }}
- name: WORDPRESS_DIR
  value: {{ include "woocommerce.coreDir" . }}
- name: STORE_FILES
  value: /opt/storeorch
- name: STORE_LISTEN
  value: "8080"
- name: STORE_PORT
  value: "8080"
- name: STORE_URL
  value: {{ include "woocommerce.url" . | quote }}
- name: STORE_EXTERNAL_REQUESTS
  value: {{ .Values.wordpress.externalRequests | quote }}
- name: TMPDIR
  value: /tmp
{{- end }}

{{/*
Where the image has WordPress. It stays there, read-only: nothing is copied at a start, and nobody who
broke into a plugin can change core.
*/}}
{{- define "woocommerce.coreDir" -}}
/usr/src/wordpress
{{- end }}

{{/*
What every container needs that runs WordPress.
*/}}
{{- define "woocommerce.wordpressMounts" -}}
- name: content
  mountPath: {{ include "woocommerce.coreDir" . }}/wp-content
  subPath: wp-content
- name: php
  mountPath: {{ include "woocommerce.coreDir" . }}/wp-config.php
  subPath: wp-config.php
  readOnly: true
- name: php
  mountPath: /opt/storeorch
  readOnly: true
- name: scratch
  mountPath: /tmp
{{- end }}

{{- define "woocommerce.wordpressVolumes" -}}
- name: content
  persistentVolumeClaim:
    claimName: wordpress
- name: php
  configMap:
    name: wordpress-php
    items:
      {{- range $path, $_ := .Files.Glob "files/*" }}
      {{- $name := base $path }}
      - key: {{ $name }}
        path: {{ ternary "mu-plugins/own-requests.php" $name (eq $name "own-requests.php") }}
      {{- end }}
- name: scratch
  emptyDir:
    sizeLimit: 1Gi
{{- end }}

{{/*
Waits until the database accepts WordPress' own credentials.
*/}}
{{- define "woocommerce.waitForDatabase" -}}
name: wait-for-database
image: {{ .Values.wordpress.image | quote }}
imagePullPolicy: {{ .Values.imagePullPolicy }}
# PHP rather than a MySQL client: the same image, driver and credentials that WordPress will use.
command:
  - php
  - /opt/storeorch/wait-for-database.php
env:
  {{- include "woocommerce.databaseEnv" . | nindent 2 }}
resources:
  {{- toYaml .Values.waitForDatabase.resources | nindent 2 }}
securityContext:
  {{- include "woocommerce.containerSecurityContext" . | nindent 2 }}
volumeMounts:
  - name: php
    mountPath: /opt/storeorch
    readOnly: true
{{- end }}

{{/*
What the install job does, as far as it follows from values and files: a Job cannot be changed, so one
that would do something else has another name, and one that would do the same is left alone.
*/}}
{{- define "woocommerce.installName" -}}
{{- $files := "" -}}
{{- range $path, $content := .Files.Glob "files/*.php" -}}
{{- $files = printf "%s%s %s" $files $path ($content | toString | sha256sum) -}}
{{- end -}}
{{- $said := list .Values.shop .Values.woocommerce .Values.install .Values.wordpress .Values.waitForDatabase .Values.imagePullPolicy .Values.imagePullSecrets .Values.storeorch.labels (include "woocommerce.credentialsSecret" .) (include "woocommerce.url" .) (include "woocommerce.title" .) (.Files.Get "files/own-requests.php") .Release.Name | toJson -}}
{{- printf "install-%s" (printf "%s%s" $said $files | sha256sum | trunc 10) -}}
{{- end }}

{{/*
The name of the shop: what was chosen, else the store's.
*/}}
{{- define "woocommerce.title" -}}
{{- .Values.shop.title | default .Values.storeorch.storeName | default .Release.Name }}
{{- end }}
