{{- define "tradewind.image" -}}
{{ .root.Values.images.registry }}/tradewind-{{ .name }}:{{ index .root.Values.images.tags .name | default .root.Values.images.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "tradewind.labels" -}}
app.kubernetes.io/name: tradewind
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/part-of: tradewind
{{- end }}

{{- define "tradewind.selector" -}}
app.kubernetes.io/name: tradewind
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "tradewind.portalHost" -}}
tradewind-portal-internal.{{ .Release.Namespace }}.svc
{{- end }}

{{- define "tradewind.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "tradewind.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "tradewind.exchanges" -}}
{{- $exchanges := .Values.exchanges }}
{{- if .Values.simulator.enabled }}
{{- $host := printf "tradewind-simulator.%s.svc:9000" .Release.Namespace }}
{{- $endpoint := dict "rest" (printf "http://%s" $host) "ws" (printf "ws://%s" $host) }}
{{- $exchanges = append $exchanges (dict "name" "simulated" "ccxtId" "binance" "endpoint" $endpoint "clockSpeed" .Values.simulator.speed) }}
{{- end }}
{{- $exchanges | toJson }}
{{- end }}
