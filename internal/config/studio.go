package config

import (
	"net/url"
	"strings"
)

// parseStudioURL reads https://studio.uk.poly.ai/acme-uk/acme-team-4/….
func parseStudioURL(text string) (studioURL, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" {
		return studioURL{}, false
	}
	var s studioURL
	switch host := u.Hostname(); {
	case host == "studio.poly.ai":
		s.region = "studio"
	case host == "jupiter.polyai.app": // names no region
	default:
		name, found := strings.CutPrefix(host, "studio.")
		name, ok := strings.CutSuffix(name, ".poly.ai")
		if s.region = regions[name]; !found || !ok || s.region == "" {
			return studioURL{}, false
		}
	}
	steps := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(steps) < 1 || steps[0] == "" {
		return studioURL{}, false
	}
	s.account = steps[0]
	if len(steps) > 1 {
		s.project = steps[1]
	}
	return s, true
}
