{{ $now := Now }}
{{ $root := . }}
{{ $annotations := or .metadata.annotations dict }}
{{ $everywhere := or ( eq $fault "" ) ( eq ( or ( index $annotations "storeorch.io/simulate" ) "" ) $fault ) }}
{{ $prefix := printf "registry.invalid/%s" ( or $fault "-" ) }}
{{ $crashing := eq $fault "crash" }}
{{ $final := and $crashing ( eq .spec.restartPolicy "Never" ) }}
{{ $restarts := dict }}
{{ range concat ( or .status.initContainerStatuses list ) ( or .status.containerStatuses list ) }}
{{ $_ := set $restarts .name ( toString .restartCount | int64 ) }}
{{ end }}
{{ $since := $now }}
{{ range .status.conditions }}
{{ if and ( eq .type "Ready" ) ( eq .status "False" ) }}{{ $since = .lastTransitionTime }}{{ end }}
{{ end }}
{{ $initFails := false }}
{{ range .spec.initContainers }}
{{ if hasPrefix $prefix .image }}{{ $initFails = true }}{{ end }}
{{ end }}
phase: {{ if $final }}Failed{{ else if and $crashing ( not $initFails ) }}Running{{ else }}{{ or .status.phase "Pending" }}{{ end }}
startTime: {{ or .status.startTime $now | Quote }}
conditions:
  - type: PodReadyToStartContainers
    status: "True"
    lastTransitionTime: {{ $since | Quote }}
  - type: Initialized
    status: {{ not $initFails | toString | title | Quote }}
    {{ if $initFails }}
    reason: ContainersNotInitialized
    {{ end }}
    lastTransitionTime: {{ $since | Quote }}
{{ range list "Ready" "ContainersReady" }}
  - type: {{ . }}
    status: "False"
    reason: ContainersNotReady
    message: "containers with unready status: [{{ range $index, $item := $root.spec.containers }}{{ if $index }} {{ end }}{{ $item.name }}{{ end }}]"
    lastTransitionTime: {{ $since | Quote }}
{{ end }}
{{ with NodeIPsWith .spec.nodeName }}
hostIP: {{ index . 0 | Quote }}
hostIPs:
{{ range . }}
  - ip: {{ . | Quote }}
{{ end }}
{{ end }}
{{ $podIPs := list }}
{{ if .status.podIP }}{{ $podIPs = list .status.podIP }}{{ else }}{{ $podIPs = PodIPsWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) ( or .metadata.name "" ) ( or .metadata.namespace "" ) }}{{ end }}
{{ with $podIPs }}
podIP: {{ index . 0 | Quote }}
podIPs:
{{ range . }}
  - ip: {{ . | Quote }}
{{ end }}
{{ end }}
{{ $reached := true }}
{{ range $group := list "initContainers" "containers" }}
{{ $isInit := eq $group "initContainers" }}
{{ with index $root.spec $group }}
{{ if $isInit }}initContainerStatuses{{ else }}containerStatuses{{ end }}:
{{ range . }}
{{ $fails := or ( and $everywhere ( not $isInit ) ) ( hasPrefix $prefix .image ) }}
{{ $runs := and $reached ( not $fails ) ( or ( not $isInit ) ( eq ( or .restartPolicy "" ) "Always" ) ) }}
{{ $done := and $reached ( not $fails ) ( not $runs ) }}
  - name: {{ .name | Quote }}
    image: {{ .image | Quote }}
    imageID: ""
    ready: {{ or $runs $done }}
    started: {{ $runs }}
    restartCount: {{ $count := or ( index $restarts .name ) 0 }}{{ if and $crashing $reached $fails ( not $final ) }}{{ add1 $count }}{{ else }}{{ $count }}{{ end }}
    {{ if and $fails $reached $crashing ( not $final ) }}
    lastState:
      terminated:
        exitCode: 1
        reason: Error
        startedAt: {{ $now | Quote }}
        finishedAt: {{ $now | Quote }}
    {{ end }}
    state:
    {{ if $runs }}
      running:
        startedAt: {{ $since | Quote }}
    {{ else if $done }}
      terminated:
        exitCode: 0
        reason: Completed
        startedAt: {{ $since | Quote }}
        finishedAt: {{ $since | Quote }}
    {{ else if not $reached }}
      waiting:
        reason: PodInitializing
    {{ else if $final }}
      terminated:
        exitCode: 1
        reason: Error
        startedAt: {{ $now | Quote }}
        finishedAt: {{ $now | Quote }}
    {{ else }}
      waiting:
        reason: {{ $reason }}
        {{ if $crashing }}
        message: {{ printf "back-off restarting failed container=%s pod=%s_%s(%s)" .name $root.metadata.name $root.metadata.namespace $root.metadata.uid | Quote }}
        {{ else if $fault }}
        message: {{ printf "Back-off pulling image %q" .image | Quote }}
        {{ end }}
    {{ end }}
{{ end }}
{{ end }}
{{ if $initFails }}{{ $reached = false }}{{ end }}
{{ end }}
