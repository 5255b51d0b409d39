package deploy

import (
	"fmt"
	"path/filepath"
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

func TestCronJob_OneAtATime(t *testing.T) {
	t.Parallel()
	job := manifests(t)["CronJob"]
	if at(job, "spec", "concurrencyPolicy") != "Forbid" {
		t.Error("two runs may be started at once")
	}
	spec := at(job, "spec", "jobTemplate", "spec")
	if at(podOf(job), "restartPolicy") != "Never" {
		t.Error("a pod failure policy takes restartPolicy: Never")
	}
	rule := at(spec, "podFailurePolicy", "rules", 0)
	if at(rule, "action") != "FailJob" || at(rule, "onExitCodes", "operator") != "In" {
		t.Errorf("the exit codes of TestExitCodes are retried: %v", rule)
	}
	if at(rule, "onExitCodes", "containerName") != at(podOf(job), "containers", 0, "name") {
		t.Error("the policy names another container")
	}
	if at(spec, "activeDeadlineSeconds") == nil || at(spec, "backoffLimit") == nil {
		t.Error("a run that hangs is never ended, or one that fails is repeated without end")
	}
}

func TestDeployment_OneReplica(t *testing.T) {
	t.Parallel()
	all := manifests(t)
	deployment := all["Deployment"]
	if fmt.Sprint(at(deployment, "spec", "replicas")) != "1" || at(deployment, "spec", "strategy", "type") != "Recreate" {
		t.Error("two would write at once")
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

// TestPods checks the rights of the pods, which docs/deployment.md lists. Their
// memory is that of TestMemoryLimit.
func TestPods(t *testing.T) {
	t.Parallel()
	all, images := manifests(t), stages(t)
	for _, kind := range []string{"CronJob", "Deployment"} {
		pod := podOf(all[kind])
		container := at(pod, "containers", 0)
		user := fmt.Sprintf("%v:%v", at(pod, "securityContext", "runAsUser"), at(pod, "securityContext", "runAsGroup"))
		if image := images[len(images)-1].instructions["USER"]; !slices.Equal(image, []string{user}) {
			t.Errorf("%s: the pod runs as %s, and the image as %s", kind, user, image)
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

func TestConfigMap(t *testing.T) {
	t.Parallel()
	configMap := manifests(t)["ConfigMap"]
	cfg := parseConfig(t, "config.yaml", at(configMap, "data", "convsync.yaml").(string), nil)
	if len(cfg.Schedules) == 0 || cfg.Serve.Token.IsZero() {
		t.Error("the Deployment needs schedules, and a token since others can reach it")
	}
	writable := false
	for _, m := range at(podOf(manifests(t)["Deployment"]), "containers", 0, "volumeMounts").([]any) {
		writable = writable || at(m, "mountPath") == filepath.Dir(cfg.Serve.StateFile) && at(m, "readOnly") != true
	}
	if !writable {
		t.Errorf("the state of the schedules, %s, is not on a writable volume", cfg.Serve.StateFile)
	}
}
