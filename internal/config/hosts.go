package config

import (
	"net/url"
	"strings"

	"convsync/internal/loopback"
	"convsync/internal/polyai"
)

var regionNames = []string{"us", "uk", "eu", "studio"}

// regionName returns the canonical name of a region; "" if it is unknown.
func regionName(name string) string {
	region, _ := polyai.LookupRegion(name)
	return region.Name
}

// hosts has the hosts and the account of a project.
type hosts struct {
	region, account        string
	baseURL, agentsBaseURL string
}

func (r *resolver) hosts(path string, k *hostKeys) hosts {
	h := hosts{
		account:       r.identifier(path+".account_id", k.AccountID),
		region:        regionName(k.Region),
		baseURL:       r.baseURL(path+".base_url", k.BaseURL),
		agentsBaseURL: r.baseURL(path+".agents_base_url", k.AgentsBaseURL),
	}
	if k.Region != "" && h.region == "" {
		r.choice(path+".region", k.Region, regionNames...)
	}
	return h
}

// baseURL checks that a URL is https, or http to this machine: a key must not
// be sent unencrypted.
func (r *resolver) baseURL(path, text string) string {
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		r.add(path, "is not a URL; expected one such as https://api.uk-1.platform.polyai.app")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		r.add(path, "contains more than a host and a path; expected a URL such as https://api.uk-1.platform.polyai.app")
	case u.Scheme == "http" && !isLoopbackURL(text):
		r.add(path, "would send the key unencrypted; expected https://, or http:// to this machine only")
	case u.Scheme != "http" && u.Scheme != "https":
		r.add(path, "has an unknown scheme; expected https://, or http:// to this machine")
	}
	return strings.TrimRight(text, "/")
}

// isLoopbackURL reports whether the host of a URL is this machine.
func isLoopbackURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && loopback.Host(u.Hostname())
}

// studio sets missing values of the source from the Studio URL, and reports
// contradictions.
func (r *resolver) studio(source *sourceKeys) polyai.StudioURL {
	const path = "source.studio_url"
	if source.StudioURL == "" {
		return polyai.StudioURL{}
	}
	s, ok := polyai.ParseStudioURL(source.StudioURL)
	if !ok {
		r.add(path, "is not a Studio URL; expected one such as https://studio.uk.poly.ai/acme-uk/acme-team-4")
		return s
	}
	agree := func(key string, said *string, inURL string) {
		switch {
		case *said == "":
			*said = inURL
		case inURL != "" && *said != inURL:
			r.add("source."+key, "contradicts studio_url, which names another; remove one of them")
		}
	}
	if name := regionName(source.Region); name != "" {
		source.Region = name
	}
	agree("region", &source.Region, s.Region)
	agree("account_id", &source.AccountID, s.AccountID)
	return s
}
