package transform

import (
	"strings"

	"github.com/nyaruka/phonenumbers"

	"convsync/internal/warehouse"
)

// families maps the prefix of a channel name, or of a part of it, to the family.
var families = []struct{ prefix, family string }{
	{"VOICE", warehouse.ChannelVoice}, {"SIP", warehouse.ChannelVoice}, {"WEBRTC", warehouse.ChannelVoice}, {"PSTN", warehouse.ChannelVoice},
	{"PHONE", warehouse.ChannelVoice}, {"TELEPHON", warehouse.ChannelVoice}, {"CALL", warehouse.ChannelVoice},
	{"SMS", "sms"}, {"MMS", "sms"}, {"RCS", "sms"},
	{"WEBCHAT", "chat"}, {"CHAT", "chat"}, {"MESSAG", "chat"}, {"WHATSAPP", "chat"},
	{"EMAIL", "email"}, {"MAIL", "email"},
}

// channelFamily returns voice, chat, sms, email or other. Channels have names such
// as VOICE-SIP, WEBCHAT, sms.twilio and sip.polyai: the first part with a known
// prefix decides.
func channelFamily(channel string) string {
	parts := strings.FieldsFuncSeq(strings.ToUpper(channel), func(r rune) bool {
		return r == '-' || r == '_' || r == '.' || r == ' ' || r == '/' || r == ':'
	})
	for part := range parts {
		for _, f := range families {
			if strings.HasPrefix(part, f.prefix) {
				return f.family
			}
		}
	}
	return "other"
}

// customerNumber returns the number or address of the customer: E.164 if it is a
// phone number, otherwise unchanged, NULL if withheld. Surrounding white space and
// the scheme of a tel: URI are removed.
func customerNumber(direction warehouse.Text, from, to, region string) warehouse.Text {
	number := from
	if direction == "outbound" {
		number = to
	}
	const scheme = "tel:"
	number = strings.TrimSpace(number)
	if len(number) >= len(scheme) && strings.EqualFold(number[:len(scheme)], scheme) {
		number = strings.TrimSpace(number[len(scheme):])
	}
	switch strings.ToLower(number) {
	case "", "anonymous", "withheld", "private", "unknown", "unavailable", "restricted", "blocked", "no-caller-id",
		"+266696687": // ANONYMOUS on a keypad, as some carriers send it
		return ""
	}
	return warehouse.Text(e164(number, region))
}

// e164 converts a phone number to E.164 and returns anything else unchanged.
func e164(number, region string) string {
	digits := 0
	for i := range len(number) {
		switch c := number[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '+' && i == 0, strings.IndexByte(" -().", c) >= 0:
		default:
			return number // a name, an address, an extension
		}
	}
	if digits < 7 || digits > 17 {
		return number
	}
	if number[0] == '+' && digits == len(number)-1 && digits <= 15 {
		return number
	}
	if rest, ok := strings.CutPrefix(number, "00"); ok {
		international := "+" + rest
		if parsed, err := phonenumbers.Parse(international, ""); err == nil && phonenumbers.IsPossibleNumber(parsed) {
			return phonenumbers.Format(parsed, phonenumbers.E164)
		}
	}
	if region == "" && number[0] != '+' {
		return number
	}
	parsed, err := phonenumbers.Parse(number, region)
	if err != nil || !phonenumbers.IsPossibleNumber(parsed) {
		return number
	}
	return phonenumbers.Format(parsed, phonenumbers.E164)
}
