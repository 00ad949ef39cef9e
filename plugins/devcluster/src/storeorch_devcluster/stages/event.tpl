{{ $now := Now }}
{{ $root := . }}
{{ $annotations := or .metadata.annotations dict }}
{{ $everywhere := eq ( or ( index $annotations "storeorch.io/simulate" ) "" ) $fault }}
{{ $prefix := printf "registry.invalid/%s" $fault }}
{{ $field := "" }}
{{ $container := dict }}
{{ range $group := list "initContainers" "containers" }}
{{ range index $root.spec $group }}
{{ if and ( not $field ) ( or ( hasPrefix $prefix .image ) ( and $everywhere ( eq $group "containers" ) ) ) }}
{{ $field = printf "spec.%s{%s}" $group .name }}
{{ $container = . }}
{{ end }}
{{ end }}
{{ end }}
{{ $count := 1 }}
{{ range concat ( or .status.initContainerStatuses list ) ( or .status.containerStatuses list ) }}
{{ if eq .name $container.name }}{{ $count = add1 ( toString .restartCount | int64 ) }}{{ end }}
{{ end }}
{{ $message = replace "IMAGE" $container.image $message | replace "CONTAINER" $container.name | replace "POD" ( printf "%s_%s(%s)" .metadata.name .metadata.namespace .metadata.uid ) }}
apiVersion: v1
kind: Event
metadata:
  name: {{ printf "%s.%s" .metadata.name ( printf "%s %s %s" .metadata.uid $eventReason $message | sha256sum | trunc 16 ) | Quote }}
  namespace: {{ .metadata.namespace | Quote }}
involvedObject:
  apiVersion: v1
  kind: Pod
  name: {{ .metadata.name | Quote }}
  namespace: {{ .metadata.namespace | Quote }}
  uid: {{ .metadata.uid | Quote }}
  fieldPath: {{ $field | Quote }}
type: {{ $eventType }}
reason: {{ $eventReason }}
message: {{ $message | Quote }}
count: {{ $count }}
firstTimestamp: {{ now | date "2006-01-02T15:04:05Z07:00" | Quote }}
lastTimestamp: {{ now | date "2006-01-02T15:04:05Z07:00" | Quote }}
source:
  component: kubelet
  host: {{ .spec.nodeName | Quote }}
reportingComponent: kubelet
reportingInstance: {{ .spec.nodeName | Quote }}
