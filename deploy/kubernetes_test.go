package deploy

import (
	"fmt"
	"slices"
	"testing"
)

// podOf is the template's pod of a manifest.
func podOf(manifest map[string]any) any {
	if manifest["kind"] == "CronJob" {
		return at(manifest, "spec", "jobTemplate", "spec", "template", "spec")
	}
	return at(manifest, "spec", "template", "spec")
}

func manifests(t *testing.T) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for _, file := range []string{"config", "cronjob", "deployment"} {
		for _, doc := range documents(t, "deploy/kubernetes/"+file+".yaml") {
			all[doc["kind"].(string)] = doc
		}
	}
	return all
}

func TestTheCronJobRunsOneAtATimeAndDoesNotRepeatWhatCannotMend(t *testing.T) {
	t.Parallel()
	job := manifests(t)["CronJob"]
	if job["apiVersion"] != "batch/v1" || at(job, "spec", "concurrencyPolicy") != "Forbid" {
		t.Error("two runs may be started at once")
	}
	spec := at(job, "spec", "jobTemplate", "spec")
	if at(podOf(job), "restartPolicy") != "Never" {
		t.Error("a pod failure policy takes restartPolicy: Never")
	}
	rule := at(spec, "podFailurePolicy", "rules", 0)
	codes := fmt.Sprint(at(rule, "onExitCodes", "values"))
	if at(rule, "action") != "FailJob" || at(rule, "onExitCodes", "operator") != "In" || codes != "[2 3]" {
		t.Errorf("exits 2 and 3 are repeated: %v", rule)
	}
	if at(rule, "onExitCodes", "containerName") != at(podOf(job), "containers", 0, "name") {
		t.Error("the policy names another container")
	}
	if at(spec, "activeDeadlineSeconds") == nil || at(spec, "backoffLimit") == nil {
		t.Error("a run that hangs is never ended, or one that fails is repeated without end")
	}
}

func TestTheDeploymentIsProbedAndThereIsOneOfIt(t *testing.T) {
	t.Parallel()
	all := manifests(t)
	deployment, container := all["Deployment"], at(podOf(all["Deployment"]), "containers", 0)
	if fmt.Sprint(at(deployment, "spec", "replicas")) != "1" || at(deployment, "spec", "strategy", "type") != "Recreate" {
		t.Error("two would write at once")
	}
	for probe, path := range map[string]string{"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"} {
		if at(container, probe, "httpGet", "path") != path || at(container, probe, "httpGet", "port") != at(container, "ports", 0, "name") {
			t.Errorf("%s is %v", probe, at(container, probe))
		}
	}
	labels := at(deployment, "spec", "template", "metadata", "labels").(map[string]any)
	for _, selector := range []any{at(deployment, "spec", "selector", "matchLabels"), at(all["Service"], "spec", "selector")} {
		for key, value := range selector.(map[string]any) {
			if labels[key] != value {
				t.Errorf("%s=%v selects no pod", key, value)
			}
		}
	}
	if at(all["CronJob"], "spec", "jobTemplate", "spec", "template", "metadata", "labels", "app.kubernetes.io/component") != nil {
		t.Error("the service would send requests to pods of the CronJob")
	}
}

func TestPodsAreLimitedAndHaveNoRights(t *testing.T) {
	t.Parallel()
	all := manifests(t)
	for _, kind := range []string{"CronJob", "Deployment"} {
		pod := podOf(all[kind])
		container := at(pod, "containers", 0)
		for _, limit := range []string{"cpu", "memory"} {
			if at(container, "resources", "limits", limit) == nil || at(container, "resources", "requests", limit) == nil {
				t.Errorf("%s: %s is not limited", kind, limit)
			}
		}
		if at(pod, "securityContext", "runAsNonRoot") != true || at(pod, "automountServiceAccountToken") != false ||
			at(container, "securityContext", "readOnlyRootFilesystem") != true ||
			at(container, "securityContext", "allowPrivilegeEscalation") != false ||
			at(container, "securityContext", "capabilities", "drop", 0) != "ALL" {
			t.Errorf("%s: the pod has rights that it does not need", kind)
		}
		var mounts, volumes []any
		for _, m := range at(container, "volumeMounts").([]any) {
			mounts = append(mounts, at(m, "name"))
		}
		for _, v := range at(pod, "volumes").([]any) {
			volumes = append(volumes, at(v, "name"))
		}
		if !slices.Equal(mounts, volumes) {
			t.Errorf("%s: mounts %v of volumes %v", kind, mounts, volumes)
		}
	}
}

func TestTheConfigMapHoldsAConfiguration(t *testing.T) {
	t.Parallel()
	configMap := manifests(t)["ConfigMap"]
	cfg := parseConfig(t, "config.yaml", at(configMap, "data", "convsync.yaml").(string), nil)
	if len(cfg.Schedules) == 0 || cfg.Serve.Token.IsZero() {
		t.Error("the Deployment needs schedules, and a token since others can reach it")
	}
	if cfg.Serve.StateFile != "/data/convsync-schedules.json" {
		t.Errorf("the schedules' memory is %s, which cannot be written", cfg.Serve.StateFile)
	}
}
