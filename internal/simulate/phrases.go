package simulate

import "strings"

// languages in the order of the phrases. The agent works in English.
var languages = [...]string{"en-GB", "de-DE", "es-ES"}

// l3 is a phrase in each of the languages.
type l3 = [len(languages)]string

// exchange is an utterance of the user and the response of the agent.
type exchange struct {
	intents     []string
	placeholder placeholder
	settled     bool // no question is open after it
	user, agent l3
}

var greetings = []exchange{
	{agent: l3{
		"Welcome to Example & Sons. How can I help you today?",
		"Willkommen bei Example & Söhne. Wie kann ich Ihnen helfen?",
		"Bienvenido a Example e Hijos. ¿En qué puedo ayudarle?"}},
	{agent: l3{
		"Hello, this is the digital assistant of Example & Sons. What can I do for you?",
		"Guten Tag, hier ist der digitale Assistent von Example & Söhne. Was kann ich für Sie tun?",
		"Hola, soy el asistente digital de Example e Hijos. ¿Qué puedo hacer por usted?"}},
	{agent: l3{
		"Example & Sons, good day. What is it about?",
		"Example & Söhne, guten Tag. Worum geht es?",
		"Example e Hijos, buenos días. ¿De qué se trata?"}},
}

var outboundGreeting = exchange{agent: l3{
	"Hello, this is Example & Sons. You asked us to call you back. What can we do for you?",
	"Guten Tag, hier ist Example & Söhne. Sie hatten um einen Rückruf gebeten. Was können wir für Sie tun?",
	"Hola, le llamamos de Example e Hijos. Nos pidió que le llamáramos. ¿Qué podemos hacer por usted?"}}

// silences are for users who say nothing, outside for questions that the agent does
// not answer. Fillers fit anywhere, those of voice only on the telephone.
var (
	silences = []exchange{
		{agent: l3{"Are you still there?", "Sind Sie noch da?", "¿Sigue ahí?"}},
		{agent: l3{"I have not got an answer from you. Please go on whenever you like.", "Ich habe keine Antwort von Ihnen bekommen. Machen Sie gern weiter, wann Sie möchten.", "No he recibido respuesta. Continúe cuando quiera."}},
	}
	outside = []exchange{
		{user: l3{"Do you think it will rain on my garden gnome?", "Wird es auf meinen Gartenzwerg regnen?", "¿Lloverá sobre mi gnomo de jardín?"},
			agent: l3{"I can't say, I only know about Example & Sons. Shall we go on?", "Das weiß ich nicht, ich kenne nur Example & Söhne. Machen wir weiter?", "No lo sé, solo conozco Example e Hijos. ¿Seguimos?"}},
		{user: l3{"Who won the match last night?", "Wer hat gestern Abend gewonnen?", "¿Quién ganó el partido de anoche?"},
			agent: l3{"Sport is not my field, I'm afraid. Back to your question.", "Von Sport verstehe ich leider nichts. Zurück zu Ihrer Frage.", "El deporte no es lo mío. Volvamos a su pregunta."}},
		{user: l3{"Can you recommend a good restaurant?", "Können Sie ein gutes Restaurant empfehlen?", "¿Puede recomendarme un buen restaurante?"},
			agent: l3{"I'm sorry, I can't help with restaurants.", "Bei Restaurants kann ich leider nicht helfen.", "Lo siento, con restaurantes no puedo ayudarle."}},
	}
	fillers = []exchange{
		{user: l3{"Hang on, I need to find a pen.", "Moment, ich suche einen Stift.", "Espere, busco un bolígrafo."},
			agent: l3{"Take your time.", "Lassen Sie sich Zeit.", "Tómese su tiempo."}},
		{intents: []string{"ask_if_bot"}, user: l3{"Am I talking to a robot?", "Spreche ich mit einem Roboter?", "¿Estoy hablando con un robot?"},
			agent: l3{"I am a digital assistant. If you prefer a person, just say so.", "Ich bin ein digitaler Assistent. Wenn Sie lieber mit einem Menschen sprechen, sagen Sie es einfach.", "Soy un asistente digital. Si prefiere una persona, dígamelo."}},
		{user: l3{"One second, someone is at the door.", "Eine Sekunde, es klingelt an der Tür.", "Un segundo, llaman a la puerta."},
			agent: l3{"No problem, I'll wait.", "Kein Problem, ich warte.", "No hay problema, espero."}},
		{intents: []string{"wait"}, user: l3{"Let me just look that up.", "Ich muss kurz nachsehen.", "Déjeme comprobarlo un momento."},
			agent: l3{"Of course, there is no hurry.", "Natürlich, es eilt nicht.", "Claro, no hay prisa."}},
	}
	fillersOfVoice = []exchange{
		{intents: []string{"speak_slower"}, user: l3{"Could you speak a little more slowly?", "Können Sie etwas langsamer sprechen?", "¿Puede hablar un poco más despacio?"},
			agent: l3{"Of course, I'll slow down.", "Natürlich, ich spreche langsamer.", "Por supuesto, hablaré más despacio."}},
		{user: l3{"Sorry, it's rather loud here.", "Entschuldigung, hier ist es ziemlich laut.", "Perdone, aquí hay mucho ruido."},
			agent: l3{"That's all right, I can hear you.", "Das macht nichts, ich verstehe Sie.", "No pasa nada, le oigo."}},
	}
	// keypad is a request to use the keypad, and its use.
	keypad = []exchange{
		{intents: []string{"use_keypad"}, user: l3{"Can I type in my customer number instead?", "Kann ich meine Kundennummer auch eintippen?", "¿Puedo marcar mi número de cliente?"},
			agent: l3{"Yes, please type it on your keypad now.", "Ja, bitte tippen Sie sie jetzt ein.", "Sí, márquelo ahora en el teclado."}},
		{intents: []string{"keypad"}, agent: l3{"Thank you, I have found you.", "Danke, ich habe Sie gefunden.", "Gracias, le he encontrado."}},
	}
)

// template is a phrase that is split at its placeholder.
type template struct{ before, after string }

// kind is how a turn is counted.
type kind uint8

const (
	usual kind = iota
	silent
	outOfDomain
	typed
)

// spoken is an exchange ready for use.
type spoken struct {
	intents                           []string
	placeholder                       placeholder
	kind                              kind
	settled                           bool
	user, agent                       [len(languages)]template
	userPlaceholder, agentPlaceholder bool // whether the text has the placeholder
}

func speak(k kind, exchanges ...exchange) []spoken {
	list := make([]spoken, len(exchanges))
	for i, e := range exchanges {
		s := &list[i]
		*s = spoken{intents: e.intents, placeholder: e.placeholder, kind: k, settled: e.settled}
		for l := range languages {
			s.user[l].before, s.user[l].after, s.userPlaceholder = strings.Cut(e.user[l], "{}")
			s.agent[l].before, s.agent[l].after, s.agentPlaceholder = strings.Cut(e.agent[l], "{}")
		}
		if k == outOfDomain {
			s.intents = []string{"out_of_domain"}
		}
		if s.intents == nil {
			s.intents = []string{}
		}
	}
	return list
}

func join(lists ...[]spoken) (all []spoken) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

var (
	spokenGreetings = speak(usual, greetings...)
	spokenOutbound  = speak(usual, outboundGreeting)
	// spokenAnywhere are interjections for each channel; those of voice come first.
	spokenAnywhere = join(speak(usual, fillersOfVoice...), speak(usual, fillers...), speak(silent, silences...), speak(outOfDomain, outside...))
	spokenKeypad   = join(speak(usual, keypad[0]), speak(typed, keypad[1]))
	spokenGoodbyes = speak(usual, goodbyes...)
	spokenMisdial  = speak(usual, misdial, noCallback)
	spokenHangUps  = speak(silent, hangUps...)
	spokenAtOnce   = speak(usual, handoffAtOnce)
	spokenLines    = speak(usual, orderLines...)
	spokenTopics   = func() (all [len(topics)][]spoken) {
		for i, t := range topics {
			all[i] = speak(usual, t.steps...)
		}
		return all
	}()
	spokenHandoffs = func() (all [handoffReasonCount][][]spoken) {
		for i, e := range handoffEndings {
			for _, steps := range e.endings {
				all[i] = append(all[i], speak(usual, steps...))
			}
		}
		return all
	}()
)

// everySpoken returns all exchanges, for tests.
func everySpoken() []spoken {
	all := join(spokenGreetings, spokenOutbound, spokenAnywhere, spokenKeypad, spokenGoodbyes, spokenMisdial, spokenHangUps, spokenAtOnce, spokenLines)
	all = join(all, join(spokenTopics[:]...))
	for _, endings := range spokenHandoffs {
		all = join(all, join(endings...))
	}
	return all
}
