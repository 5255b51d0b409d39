package transform

import (
	"reflect"
	"testing"

	"convsync/internal/warehouse"
)

func TestRows_Audio(t *testing.T) {
	t.Parallel()
	const url = "https://api.uk.poly.ai/v1/agents/acme-team-4/conversations/CA1/audio"
	reference := func(direction string, redacted bool, query warehouse.Text) warehouse.AudioReference {
		return warehouse.AudioReference{
			ProjectID:      "acme-team-4",
			ConversationID: "CA1",
			StartedAt:      1780492759757917,
			Direction:      direction,
			Redacted:       redacted,
			URL:            url + query,
			Availability:   warehouse.AudioUnknown,
		}
	}
	noHost := asked
	noHost.AudioBaseURL = ""
	if r, _ := rows(t, &noHost, `"channel":"VOICE-SIP"`); r.Audio[0].URL != "" || r.Audio[0].Reason != "no_host" {
		t.Errorf("without a host: %+v", r.Audio[0])
	}
	one, _ := rows(t, &asked, `"channel":"VOICE-SIP"`)
	for name, c := range map[string]struct {
		kinds []AudioKind
		want  []warehouse.AudioReference
	}{
		"Off": {nil, nil},
		"One": {[]AudioKind{{"combined", true}}, []warehouse.AudioReference{reference("combined", true, "?direction=combined&redacted=true")}},
		"Several": {[]AudioKind{{"user", true}, {"user", false}}, []warehouse.AudioReference{
			reference("user", true, "?direction=user&redacted=true"), reference("user", false, "?direction=user&redacted=false"),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := asked
			o.Audio = c.kinds
			r, _ := rows(t, &o, `"channel":"VOICE-SIP"`)
			if !reflect.DeepEqual(r.Audio, c.want) {
				t.Errorf("got %+v\nwant %+v", r.Audio, c.want)
			}
			if r.Conversation.ContentHash != one.Conversation.ContentHash || r.Conversation.Shape != one.Conversation.Shape {
				t.Error("the kinds of recordings change the hash or the transform version")
			}
		})
	}
}
