package polyai

import (
	"net/url"
	"strconv"
	"strings"
)

// Region is a region of PolyAI with its hosts.
type Region struct {
	Name       string
	StudioHost string
	DataHost   string // runtime and data: Conversations, Handoff, Concurrent calls
	BuildHost  string // build and monitoring: Agents, detail, audio, Alerts, Webhooks
}

// Regions lists all regions.
var Regions = []Region{
	{"us", "studio.us.poly.ai", "api.us-1.platform.polyai.app", "api.us.poly.ai"},
	{"uk", "studio.uk.poly.ai", "api.uk-1.platform.polyai.app", "api.uk.poly.ai"},
	{"eu", "studio.eu.poly.ai", "api.euw-1.platform.polyai.app", "api.eu.poly.ai"},
	{"studio", "studio.poly.ai", "api.studio.poly.ai", "api.studio.poly.ai"},
}

// LookupRegion returns the region with the given name; euw is another name of eu.
func LookupRegion(name string) (Region, bool) {
	if name == "euw" {
		name = "eu"
	}
	for _, r := range Regions {
		if r.Name == name {
			return r, true
		}
	}
	return Region{}, false
}

// StudioURL is the content of the URL of a project in Studio. Parts that the URL does not
// have are "".
type StudioURL struct{ Region, AccountID, ProjectID string }

// ParseStudioURL reads https://studio.uk.poly.ai/acme-uk/acme-team-4/….
func ParseStudioURL(text string) (StudioURL, bool) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme != "https" {
		return StudioURL{}, false
	}
	var s StudioURL
	host := u.Hostname()
	for _, r := range Regions {
		if host == r.StudioHost {
			s.Region = r.Name
		}
	}
	if host == "studio.euw.poly.ai" {
		s.Region = "eu"
	}
	if s.Region == "" && host != "jupiter.polyai.app" { // an older host without a region
		return StudioURL{}, false
	}
	account, rest, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	s.AccountID = account
	s.ProjectID, _, _ = strings.Cut(rest, "/")
	return s, account != ""
}

// hostHint returns what is wrong with a host from which conversations cannot be read, and
// the fix; "" if nothing is known to be wrong.
func hostHint(host string) string {
	switch host {
	case "api.poly.ai":
		return "api.poly.ai has no region: use the data host of the region, such as api.uk-1.platform.polyai.app"
	}
	for _, r := range Regions {
		if host == r.BuildHost && r.BuildHost != r.DataHost {
			return host + " is the build host of region " + r.Name + ": conversations are read from " + r.DataHost
		}
		if host == r.StudioHost {
			return host + " is Studio itself: conversations are read from " + r.DataHost
		}
	}
	return ""
}

// AudioURL returns the URL of the recording of a conversation, which requires another key.
// direction is combined, user or agent.
func AudioURL(buildBaseURL, projectID, conversationID, direction string, redacted bool) string {
	return strings.TrimRight(buildBaseURL, "/") + "/v1/agents/" + url.PathEscape(projectID) +
		"/conversations/" + url.PathEscape(conversationID) +
		"/audio?direction=" + url.QueryEscape(direction) + "&redacted=" + strconv.FormatBool(redacted)
}
