package deploy

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compose is the Compose file with its merges resolved.
func compose(t *testing.T) map[string]any {
	t.Helper()
	return documents(t, "docker-compose.yml")[0]
}

// TestTheComposeFileIsOfItsSchema takes the schema of the Compose Specification.
func TestTheComposeFileIsOfItsSchema(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/compose-spec.json")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("compose.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("compose.json")
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := yaml.YAMLToJSON([]byte(read(t, "docker-compose.yml")))
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(instance); err != nil {
		t.Error(err)
	}
}

func TestComposeListensOnThisMachineOnly(t *testing.T) {
	t.Parallel()
	published := 0
	for name, service := range at(compose(t), "services").(map[string]any) {
		ports, _ := at(service, "ports").([]any)
		for _, port := range ports {
			published++
			if text, ok := port.(string); !ok || !strings.HasPrefix(text, "127.0.0.1:") {
				t.Errorf("%s publishes %v beyond this machine", name, port)
			}
		}
		if at(service, "privileged") != nil || at(service, "network_mode") == "host" {
			t.Errorf("%s has the whole machine", name)
		}
	}
	if published != 4 {
		t.Errorf("%d ports are published, not those of Postgres, convsync, Prometheus and Grafana", published)
	}
}

// TestComposeRefersToWhatIsThere follows every name and file of the Compose file.
func TestComposeRefersToWhatIsThere(t *testing.T) {
	t.Parallel()
	file := compose(t)
	services := at(file, "services").(map[string]any)
	for name, service := range services {
		needed, _ := at(service, "depends_on").(map[string]any)
		for other := range needed {
			if services[other] == nil {
				t.Errorf("%s depends on %s, which is not there", name, other)
			}
			if at(needed, other, "condition") == "service_healthy" && at(services, other, "healthcheck", "test") == nil {
				t.Errorf("%s waits for the health of %s, which has no check", name, other)
			}
		}
		mounts, _ := at(service, "volumes").([]any)
		for _, mount := range mounts {
			source, _, _ := strings.Cut(mount.(string), ":")
			if strings.HasPrefix(source, "./") {
				if _, err := os.Stat("../" + source); err != nil {
					t.Errorf("%s mounts what is not there: %v", name, err)
				}
			} else if _, ok := at(file, "volumes").(map[string]any)[source]; !ok {
				t.Errorf("%s mounts the volume %s, which is not declared", name, source)
			}
		}
		secrets, _ := at(service, "secrets").([]any)
		for _, s := range secrets {
			source, isName := s.(string)
			if !isName {
				source = at(s, "source").(string)
			}
			if at(file, "secrets", source) == nil {
				t.Errorf("%s takes the secret %q, which is not there", name, source)
			}
		}
		configs, _ := at(service, "configs").([]any)
		for _, c := range configs {
			if at(file, "configs", at(c, "source").(string)) == nil {
				t.Errorf("%s takes the config %v, which is not there", name, at(c, "source"))
			}
		}
		image, _ := at(service, "image").(string)
		if tag := image[strings.LastIndexByte(image, ':')+1:]; at(service, "build") == nil && (tag == image || tag == "latest") {
			t.Errorf("%s has no pinned image: %q", name, image)
		}
	}
}

var (
	composeVariable = regexp.MustCompile(`\$\$|\$\{([A-Z_]+)(:-([^}]*))?\}`)
	anySecret       = regexp.MustCompile(`(?i)(password|token|api_key|secret)`)
)

// interpolate does what Compose does with ${NAME:-default}, without an
// environment: each must have a default.
func interpolate(t *testing.T, text string) string {
	t.Helper()
	return composeVariable.ReplaceAllStringFunc(text, func(found string) string {
		if found == "$$" {
			return "$"
		}
		parts := composeVariable.FindStringSubmatch(found)
		if parts[2] == "" {
			t.Errorf("%s has no default: `docker compose up` needs a key", found)
		}
		return parts[3]
	})
}

func TestComposeNeedsNoKeyAndItsConfigurationIsOne(t *testing.T) {
	t.Parallel()
	file := compose(t)
	environment := map[string]string{}
	for name, value := range at(file, "services", "convsync", "environment").(map[string]any) {
		environment[name] = interpolate(t, value.(string))
	}
	cfg := parseConfig(t, "docker-compose.yml", interpolate(t, at(file, "configs", "convsync", "content").(string)), environment)
	if cfg.Destination.Postgres == nil || len(cfg.Schedules) == 0 || cfg.Serve.Token.IsZero() {
		t.Error("it must write to Postgres, have schedules, and ask for a token where others can reach it")
	}
	environment["POLYAI_REGION"], environment["POLYAI_BASE_URL"] = "eu", "https://api.eu-1.platform.polyai.app"
	own := parseConfig(t, "docker-compose.yml", interpolate(t, at(file, "configs", "convsync", "content").(string)), environment).Projects[0]
	if own.Region != "eu" || own.BaseURL != environment["POLYAI_BASE_URL"] {
		t.Errorf("a project of one's own is read from %q, of the region %q", own.BaseURL, own.Region)
	}
	var everything map[string]any
	text, err := json.Marshal(at(file, "services"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(interpolate(t, string(text))), &everything); err != nil {
		t.Fatal(err)
	}
	for name, service := range at(file, "services").(map[string]any) {
		variables, _ := at(service, "environment").(map[string]any)
		for key, value := range variables {
			if anySecret.MatchString(key) && !strings.Contains(value.(string), "${") {
				t.Errorf("%s: %s cannot be overridden", name, key)
			}
		}
	}
}

func TestComposeToken(t *testing.T) {
	t.Parallel()
	file := compose(t)
	path := interpolate(t, at(file, "secrets", "token", "file").(string))
	token := strings.TrimSpace(read(t, strings.TrimPrefix(path, "./")))
	if len(token) < 16 || strings.Contains(read(t, "docker-compose.yml"), token) {
		t.Errorf("%s holds %d characters, or the Compose file has them too", path, len(token))
	}
	scraped := at(documents(t, "deploy/prometheus/prometheus.yaml")[0], "scrape_configs", 0, "authorization", "credentials_file")
	if secret := at(file, "services", "prometheus", "secrets", 0); at(secret, "source") != "token" || at(secret, "target") != scraped {
		t.Errorf("Prometheus reads %v, and the secret is %v", scraped, secret)
	}
	if secret := at(file, "services", "convsync", "secrets", 0); secret != "token" {
		t.Errorf("convsync takes the secret %v", secret)
	}
	for name, service := range at(file, "services").(map[string]any) {
		variables, _ := at(service, "environment").(map[string]any)
		for key := range variables {
			if strings.Contains(key, "TOKEN") {
				t.Errorf("%s has the token in its environment, where anyone who may inspect the container reads it", name)
			}
		}
	}
	if !strings.Contains(at(file, "configs", "convsync", "content").(string), "token_file: /run/secrets/token\n") {
		t.Error("serve does not read the token from the secret")
	}
}

func TestComposeSuperuser(t *testing.T) {
	t.Parallel()
	for name, service := range at(compose(t), "services").(map[string]any) {
		text, err := yaml.Marshal(service)
		if err != nil {
			t.Fatal(err)
		}
		is := strings.Contains(string(text), "POSTGRES_PASSWORD") || strings.Contains(string(text), "PGUSER: postgres")
		if may := name == "postgres" || name == "roles"; is != may {
			t.Errorf("%s connects as superuser: %v", name, is)
		}
	}
	url := at(compose(t), "services", "convsync", "environment", "DATABASE_URL").(string)
	if !strings.HasPrefix(url, "postgres://convsync:") {
		t.Error("convsync does not connect as the role convsync")
	}
}
