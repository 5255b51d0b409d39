package config

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode"
)

// projects resolves each project with the values of source that it inherits.
func (r *resolver) projects() []Project {
	source := &r.doc.Source
	studio := r.studio(source)
	r.choice("source.api_version", source.APIVersion, "v3", "v2", "v1")
	base := inherited{
		hosts:        r.hosts("source", &source.hostKeys),
		apiKey:       r.apiKey("source", &source.hostKeys),
		workspaceKey: r.workspaceKey("source", &source.hostKeys),
	}
	written := source.Projects
	if len(written) == 0 && studio.ProjectID != "" && !r.given("source.projects") {
		written = []projectKeys{{ID: studio.ProjectID}}
	}
	if len(written) == 0 && !r.given("source.projects") {
		r.add("source.projects", "is missing; expected a list of projects, such as - id: acme-team-4")
	}
	var projects []Project
	for i := range written {
		projects = append(projects, r.project(fmt.Sprintf("source.projects[%d]", i), &written[i], base))
	}
	r.unique(projects)
	return projects
}

// inherited holds the values that a project takes from source if it does not set them.
type inherited struct {
	hosts
	apiKey, workspaceKey Secret
}

func (r *resolver) project(path string, keys *projectKeys, base inherited) Project {
	own := r.hosts(path, &keys.hostKeys)
	r.ownKeys(path, own, base.hosts)
	if own.region != "" {
		base.hosts = hosts{account: base.account} // another region, other hosts
	}
	ownKey, ownWorkspaceKey := r.apiKey(path, &keys.hostKeys), r.workspaceKey(path, &keys.hostKeys)
	apiKey := firstSecret(ownKey, base.apiKey)
	workspaceKey := firstSecret(ownWorkspaceKey, base.workspaceKey, apiKey)
	if own.agentsBaseURL != "" && own.agentsBaseURL != base.agentsBaseURL {
		workspaceKey = firstSecret(ownWorkspaceKey, ownKey)
	}
	p := Project{
		ID:              r.identifier(path+".id", keys.ID),
		StoredID:        cmp.Or(keys.As, keys.ID),
		AccountID:       cmp.Or(own.account, base.account),
		Region:          cmp.Or(own.region, base.region),
		BaseURL:         cmp.Or(own.baseURL, base.baseURL),
		AgentsBaseURL:   cmp.Or(own.agentsBaseURL, base.agentsBaseURL),
		APIKey:          apiKey,
		WorkspaceAPIKey: workspaceKey,
		APIVersion:      cmp.Or(r.doc.Source.APIVersion, "v3"),
		Environments:    r.environments(path+".environments", keys.Environments),
		TimeZone:        r.timeZone(path+".time_zone", keys.TimeZone),
		Start:           r.start("sync.start", r.doc.Sync.Start),
		Audio:           r.audio(path+".audio", &keys.Audio, &r.doc.Sync.Audio.policyKeys),
	}
	if r.given(path + ".start") {
		p.Start = r.start(path+".start", keys.Start)
	}
	if !isLoopbackURL(p.BaseURL) {
		p.MaxRequestsPerSecond = r.doc.Sync.MaxRequestsPerSecond
	}
	r.complete(path, p)
	return p
}

// ownKeys reports a project with a host of its own but without a key of its
// own: the key of source would be sent to that host.
func (r *resolver) ownKeys(path string, own, base hosts) {
	written := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return r.given(path + "." + name) })
	}
	hasKey := written("api_key", "api_key_file", "api_key_command")
	if own.baseURL != "" && own.baseURL != base.baseURL && !hasKey {
		r.add(path+".base_url", "is another host, and would receive the key of source; expected api_key, api_key_file or api_key_command "+
			"next to it (repeat the key of source there if this host may receive it)")
	}
	if own.agentsBaseURL != "" && own.agentsBaseURL != base.agentsBaseURL &&
		!hasKey && !written("workspace_api_key", "workspace_api_key_file", "workspace_api_key_command") {
		r.add(path+".agents_base_url", "is another host, and would receive the key of source; expected workspace_api_key, "+
			"workspace_api_key_file or workspace_api_key_command next to it")
	}
}

// complete reports values that a project needs and that neither it nor source
// has.
func (r *resolver) complete(path string, p Project) {
	missing := func(names ...string) bool {
		for _, name := range names {
			if r.given(path+"."+name) || r.given("source."+name) {
				return false // an invalid one is reported already
			}
		}
		return true
	}
	if p.ID == "" && !r.given(path+".id") {
		r.add(path+".id", "is missing; expected the project's id, such as acme-team-4")
	}
	if p.AccountID == "" && missing("account_id", "studio_url") {
		r.add("source.account_id", "is missing; expected the account's id, such as acme-uk, or studio_url")
	}
	if p.Region == "" && p.BaseURL == "" && missing("region", "base_url") && !r.reported("source.studio_url") {
		r.add("source.region", "is missing; expected %s, or base_url", enumerate(regionNames))
	}
	if p.APIKey.IsZero() && !r.withoutKeys && missing("api_key", "api_key_file", "api_key_command") {
		r.add("source.api_key", "is missing; expected api_key: ${POLYAI_API_KEY}, api_key_file or api_key_command")
	}
}

func (r *resolver) apiKey(path string, k *hostKeys) Secret {
	return r.secret(path+".api_key", k.APIKey, k.APIKeyFile, k.APIKeyCommand)
}

func (r *resolver) workspaceKey(path string, k *hostKeys) Secret {
	return r.secret(path+".workspace_api_key", k.WorkspaceAPIKey, k.WorkspaceAPIKeyFile, k.WorkspaceAPIKeyCommand)
}

func firstSecret(secrets ...Secret) Secret { return cmp.Or(secrets...) }

// identifier accepts any id that is valid as a step of a URL's path.
func (r *resolver) identifier(path, id string) string {
	bad := func(c rune) bool {
		return unicode.IsSpace(c) || unicode.IsControl(c) || strings.ContainsRune("/?#%", c)
	}
	switch {
	case strings.ContainsFunc(id, bad) || id == "." || id == "..":
		r.add(path, "is not an id; expected the id from the Studio URL, such as acme-team-4, without spaces, /, ?, # and %%")
	case strings.HasPrefix(id, "ACCOUNT-"):
		r.add(path, "starts with ACCOUNT-, an old form that the API no longer accepts; expected the id from the Studio URL, such as acme-uk or ws-fd112d8f")
	}
	return id
}

func (r *resolver) environments(path string, names []string) []string {
	if len(names) == 0 {
		return []string{"live"}
	}
	for i, name := range names {
		at := fmt.Sprintf("%s[%d]", path, i)
		r.choice(at, name, "live", "sandbox", "pre-release")
		if slices.Contains(names[:i], name) {
			r.add(at, "%s is listed twice; expected each environment once", r.show(at, name))
		}
	}
	return names
}

// unique checks that no two projects are the same, in the source or in the
// destination.
func (r *resolver) unique(projects []Project) {
	type source struct{ region, baseURL, account, id string }
	read, stored := map[source]int{}, map[string]int{}
	for i, p := range projects {
		if p.ID == "" {
			continue
		}
		path := fmt.Sprintf("source.projects[%d]", i)
		key := source{p.Region, p.BaseURL, p.AccountID, p.ID}
		if j, twice := read[key]; twice {
			r.add(path+".id", "is the same as project %d of the list; expected each project once, with all its environments", j+1)
		} else if j, twice := stored[p.StoredID]; twice {
			r.add(path+".id", "has the same stored id as project %d; set another id with as: for one of them", j+1)
		}
		read[key], stored[p.StoredID] = i, i
	}
}

// certificates reads ca_file.
func (r *resolver) certificates() []byte {
	name := inFolderOf(r.file, r.doc.Source.CAFile)
	if name == "" {
		return nil
	}
	pem, err := os.ReadFile(name)
	if err != nil {
		r.add("source.ca_file", "cannot be read; expected a readable file of certificates in PEM")
	} else if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		r.add("source.ca_file", "contains no certificate; expected certificates in PEM (-----BEGIN CERTIFICATE-----)")
	}
	return pem
}
