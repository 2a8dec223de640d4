{{- define "op-status.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "op-status.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "op-status.labels" -}}
{{ include "op-status.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "op-status.secret" -}}
{{- .Values.existingSecret | default (include "op-status.name" .) -}}
{{- end -}}

{{- /* Whether the configuration is a text to be mounted. */ -}}
{{- define "op-status.rollupFile" -}}
{{- if and .Values.rollupConfig (ne .Values.rollupConfig "node") }}true{{ end -}}
{{- end -}}

{{- /* A flag of any value: a switch, a list, or text. Numbers come as floats, and would be written as 1e+06. */ -}}
{{- define "op-status.flag" -}}
{{- $name := .name -}}
{{- if kindIs "bool" .value -}}
{{- if .value }}
- {{ printf "--%s" $name | quote }}
{{- end -}}
{{- else -}}
{{- range (kindIs "slice" .value | ternary .value (list .value)) }}
{{- $whole := and (kindIs "float64" .) (eq (float64 (int64 .)) .) }}
- {{ printf "--%s=%s" $name ($whole | ternary (toString (int64 .)) (toString .)) | quote }}
{{- end -}}
{{- end -}}
{{- end -}}
