package config

// document is the file as it is written: every key, once. The tag is the key's
// name. schemas/convsync.schema.json describes the same keys for editors, and a
// test holds the two together.
type document struct {
	Source      sourceKeys              `key:"source"`
	Destination destinationKeys         `key:"destination"`
	Sync        syncKeys                `key:"sync"`
	Audio       recordingsKeys          `key:"audio"`
	Schedules   map[string]scheduleKeys `key:"schedules"`
	Serve       serveKeys               `key:"serve"`
	Notify      notifyKeys              `key:"notify"`

	HandoffReasonMap map[string]string `key:"handoff_reason_map"`
}

type sourceKeys struct {
	StudioURL string `key:"studio_url"`
	hostKeys
	APIVersion string        `key:"api_version"`
	CAFile     string        `key:"ca_file"`
	Projects   []projectKeys `key:"projects"`
}

// hostKeys are allowed under source and, to override them, under a project.
type hostKeys struct {
	Region                 string `key:"region"`
	AccountID              string `key:"account_id"`
	BaseURL                string `key:"base_url"`
	AgentsBaseURL          string `key:"agents_base_url"`
	APIKey                 string `key:"api_key"`
	APIKeyFile             string `key:"api_key_file"`
	APIKeyCommand          string `key:"api_key_command"`
	WorkspaceAPIKey        string `key:"workspace_api_key"`
	WorkspaceAPIKeyFile    string `key:"workspace_api_key_file"`
	WorkspaceAPIKeyCommand string `key:"workspace_api_key_command"`
}

type projectKeys struct {
	ID string `key:"id"`
	As string `key:"as"`
	hostKeys
	Environments []string   `key:"environments"`
	TimeZone     string     `key:"time_zone"`
	Start        instant    `key:"start"`
	Audio        policyKeys `key:"audio"`
}

type syncKeys struct {
	Start                instant      `key:"start"`
	Lookback             lookbackKeys `key:"lookback"`
	OpenAgeLimit         duration     `key:"open_age_limit"`
	PageSize             int          `key:"page_size"`
	MaxConversationMB    int          `key:"max_conversation_mb"`
	Workers              workersKeys  `key:"workers"`
	MaxRequestsPerSecond float64      `key:"max_requests_per_second"`
	Adaptive             bool         `key:"adaptive"`
	OnMissing            string       `key:"on_missing"`
	MissingLimit         missingKeys  `key:"missing_limit"`
	FailOnDrift          bool         `key:"fail_on_drift"`
	MaxRejects           int          `key:"max_rejects"`
	Audio                audioKeys    `key:"audio"`
}

type missingKeys struct {
	Share   float64 `key:"share"`
	AtLeast int     `key:"at_least"`
}

type lookbackKeys struct {
	EachRun duration `key:"each_run"`
	Hourly  duration `key:"hourly"`
	Daily   duration `key:"daily"`
}

type workersKeys struct {
	Extract   int `key:"extract"`
	Transform int `key:"transform"`
	Load      int `key:"load"`
}

type scheduleKeys struct {
	Cron     string       `key:"cron"`
	TimeZone string       `key:"time_zone"`
	Kind     string       `key:"kind"`
	Projects []string     `key:"projects"`
	Lookback lookbackKeys `key:"lookback"`
	Jitter   duration     `key:"jitter"`
	Folder   string       `key:"folder"`
	Period   string       `key:"period"`
}

type serveKeys struct {
	Listen          string      `key:"listen"`
	Token           string      `key:"token"`
	TokenFile       string      `key:"token_file"`
	TokenCommand    string      `key:"token_command"`
	User            string      `key:"user"`
	Password        string      `key:"password"`
	PasswordFile    string      `key:"password_file"`
	PasswordCommand string      `key:"password_command"`
	CertFile        string      `key:"cert_file"`
	KeyFile         string      `key:"key_file"`
	StateFile       string      `key:"state_file"`
	StaleAfter      duration    `key:"stale_after"`
	PublicURL       string      `key:"public_url"`
	Webhooks        webhookKeys `key:"webhooks"`
}

type webhookKeys struct {
	Secrets        []string `key:"secrets"`
	SecretFiles    []string `key:"secret_files"`
	SecretCommands []string `key:"secret_commands"`
}

type notifyKeys struct {
	WebhookURL          string `key:"webhook_url"`
	WebhookURLFile      string `key:"webhook_url_file"`
	WebhookURLCommand   string `key:"webhook_url_command"`
	Format              string `key:"format"`
	Command             string `key:"command"`
	HeartbeatURL        string `key:"heartbeat_url"`
	HeartbeatURLFile    string `key:"heartbeat_url_file"`
	HeartbeatURLCommand string `key:"heartbeat_url_command"`
}
