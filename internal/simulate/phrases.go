package simulate

import "strings"

// slot is what stands for {} in a phrase.
type slot uint8

const (
	slotNone slot = iota
	slotName
	slotReference
	slotDate
	slotTime
	slotAmount
	slotPlace
)

// slotEntity is the name of the entity that a slot is recognised as.
var slotEntity = [...]string{"", "customer_name", "reference", "date", "time", "amount", "branch"}

// languages in the order of the phrases. The agent works in English.
var languages = [...]string{"en-GB", "de-DE", "es-ES"}

// exchange is what a user says and what the agent answers, in each language.
type exchange struct {
	intents     []string
	slot        slot
	user, agent [len(languages)]string
}

var greetings = []exchange{
	{agent: [3]string{
		"Thank you for calling Example & Sons. How can I help you today?",
		"Danke für Ihren Anruf bei Example & Söhne. Wie kann ich Ihnen helfen?",
		"Gracias por llamar a Example e Hijos. ¿En qué puedo ayudarle?"}},
	{agent: [3]string{
		"Hello, this is the assistant of Example & Sons. What can I do for you?",
		"Guten Tag, hier ist die Assistentin von Example & Söhne. Was kann ich für Sie tun?",
		"Hola, soy la asistente de Example e Hijos. ¿Qué puedo hacer por usted?"}},
}

// topics are what people call about; each begins with what they want.
var topics = [...]struct {
	name  string
	steps []exchange
}{
	{"booking", []exchange{
		{[]string{"make_booking"}, slotDate,
			[3]string{"I'd like to book an appointment for {}, please.", "Ich möchte gern einen Termin für den {}.", "Quisiera reservar una cita para el {}."},
			[3]string{"Of course. At what time on {} would suit you?", "Gern. Um wie viel Uhr passt es Ihnen am {}?", "Por supuesto. ¿A qué hora le viene bien el {}?"}},
		{[]string{"give_time"}, slotTime,
			[3]string{"Around {} would be perfect.", "Gegen {} wäre perfekt.", "Sobre las {} sería perfecto."},
			[3]string{"I have a free place at {}. Shall I take it?", "Um {} ist noch frei. Soll ich das nehmen?", "Tengo un hueco a las {}. ¿Lo reservo?"}},
		{[]string{"change_booking", "give_date"}, slotDate,
			[3]string{"Actually, could we move it to {}?", "Können wir es doch auf den {} legen?", "En realidad, ¿podemos cambiarla al {}?"},
			[3]string{"No problem, I have moved it to {}.", "Kein Problem, ich habe es auf den {} gelegt.", "Sin problema, la he cambiado al {}."}},
	}},
	{"billing", []exchange{
		{[]string{"query_bill"}, slotAmount,
			[3]string{"My last bill says {} and I don't understand why.", "Auf meiner letzten Rechnung stehen {}, und ich verstehe nicht, warum.", "Mi última factura dice {} y no entiendo por qué."},
			[3]string{"I can look into that. Which reference stands on the bill?", "Das sehe ich mir an. Welche Nummer steht auf der Rechnung?", "Puedo revisarlo. ¿Qué referencia figura en la factura?"}},
		{[]string{"give_reference"}, slotReference,
			[3]string{"It says {} at the top.", "Oben steht {}.", "Arriba pone {}."},
			[3]string{"Thank you. For {} I see a payment that came late.", "Danke. Zu {} sehe ich eine verspätete Zahlung.", "Gracias. Para {} veo un pago con retraso."}},
		{[]string{"dispute_charge"}, slotAmount,
			[3]string{"That can't be right, I only owe {}.", "Das kann nicht stimmen, ich schulde nur {}.", "No puede ser, solo debo {}."},
			[3]string{"I have noted that you expected {}. A colleague will check it.", "Ich habe notiert, dass Sie {} erwartet haben. Ein Kollege prüft das.", "He anotado que esperaba {}. Un compañero lo comprobará."}},
	}},
	{"delivery", []exchange{
		{[]string{"track_order"}, slotReference,
			[3]string{"Where is my parcel? The number is {}.", "Wo ist mein Paket? Die Nummer ist {}.", "¿Dónde está mi paquete? El número es {}."},
			[3]string{"Parcel {} is on its way to you.", "Das Paket {} ist unterwegs zu Ihnen.", "El paquete {} está en camino."}},
		{[]string{"ask_delivery_time"}, slotDate,
			[3]string{"Will it be here by {}?", "Ist es bis zum {} da?", "¿Llegará antes del {}?"},
			[3]string{"Yes, it should be with you by {}.", "Ja, es sollte bis zum {} bei Ihnen sein.", "Sí, debería llegar antes del {}."}},
		{[]string{"change_address"}, slotPlace,
			[3]string{"Can I collect it in {} instead?", "Kann ich es auch in {} abholen?", "¿Puedo recogerlo en {}?"},
			[3]string{"It will wait for you in {}.", "Es liegt in {} für Sie bereit.", "Le esperará en {}."}},
	}},
	{"opening_hours", []exchange{
		{[]string{"ask_opening_hours"}, slotPlace,
			[3]string{"How long are you open in {} today?", "Wie lange haben Sie heute in {} geöffnet?", "¿Hasta qué hora abren hoy en {}?"},
			[3]string{"Our branch in {} closes at eight.", "Unsere Filiale in {} schließt um acht.", "Nuestra tienda en {} cierra a las ocho."}},
		{[]string{"ask_parking"}, slotNone,
			[3]string{"Is there anywhere to park?", "Kann man dort parken?", "¿Hay aparcamiento?"},
			[3]string{"Yes, behind the building, and it costs nothing.", "Ja, hinter dem Haus, und es kostet nichts.", "Sí, detrás del edificio, y es gratis."}},
	}},
	{"account", []exchange{
		{[]string{"reset_password"}, slotNone,
			[3]string{"I can't log in any more.", "Ich kann mich nicht mehr anmelden.", "Ya no puedo entrar en mi cuenta."},
			[3]string{"I am sorry to hear that. What is your full name?", "Das tut mir leid. Wie heißen Sie?", "Lo siento. ¿Cuál es su nombre completo?"}},
		{[]string{"give_name"}, slotName,
			[3]string{"My name is {}.", "Mein Name ist {}.", "Me llamo {}."},
			[3]string{"Thank you, {}. I have sent you a new link.", "Danke, {}. Ich habe Ihnen einen neuen Link geschickt.", "Gracias, {}. Le he enviado un enlace nuevo."}},
		{[]string{"update_details"}, slotName,
			[3]string{"Please write {} on the contract as well.", "Bitte tragen Sie auch {} in den Vertrag ein.", "Por favor, incluya también a {} en el contrato."},
			[3]string{"I have added {}.", "Ich habe {} eingetragen.", "He añadido a {}."}},
	}},
}

// fillers fit anywhere.
var fillers = []exchange{
	{[]string{"affirm"}, slotNone, [3]string{"Yes, please.", "Ja, bitte.", "Sí, por favor."},
		[3]string{"Alright, one moment please.", "Gut, einen Moment bitte.", "Muy bien, un momento por favor."}},
	{[]string{"deny"}, slotNone, [3]string{"No, that's not what I meant.", "Nein, das meinte ich nicht.", "No, no me refería a eso."},
		[3]string{"I'm sorry. Could you say it in other words?", "Entschuldigung. Können Sie es anders sagen?", "Perdone. ¿Puede decirlo de otra forma?"}},
	{[]string{"repeat"}, slotNone, [3]string{"Could you say that again?", "Können Sie das wiederholen?", "¿Puede repetirlo?"},
		[3]string{"Certainly, I'll say it again.", "Natürlich, ich wiederhole es.", "Claro, se lo repito."}},
	{[]string{}, slotNone, [3]string{"Hang on, I need to find a pen.", "Moment, ich suche einen Stift.", "Espere, busco un bolígrafo."},
		[3]string{"Take your time.", "Lassen Sie sich Zeit.", "Tómese su tiempo."}},
	{[]string{"give_name"}, slotName, [3]string{"This is {} speaking.", "Hier spricht {}.", "Le habla {}."},
		[3]string{"Good to hear from you, {}. Is there anything else?", "Schön, von Ihnen zu hören, {}. Noch etwas?", "Encantada, {}. ¿Algo más?"}},
	{[]string{"give_reference"}, slotReference, [3]string{"The reference is {}.", "Die Nummer ist {}.", "La referencia es {}."},
		[3]string{"I have found {} and can see everything about it. It was opened by you, and a colleague has looked at it since. Would you like me to read out what was written?",
			"Ich habe {} gefunden und sehe alles dazu. Sie haben es eröffnet, und ein Kollege hat es angesehen. Soll ich vorlesen, was dort steht?",
			"He encontrado {} y veo toda la información. La abrió usted y un compañero la ha revisado. ¿Quiere que le lea lo que pone?"}},
}

var (
	silence  = exchange{agent: [3]string{"Are you still there?", "Sind Sie noch da?", "¿Sigue ahí?"}}
	outside  = exchange{intents: []string{"out_of_domain"}, user: [3]string{"Do you think it will rain on my garden gnome?", "Wird es auf meinen Gartenzwerg regnen?", "¿Lloverá sobre mi gnomo de jardín?"}, agent: [3]string{"I can only help with Example & Sons.", "Ich kann nur zu Example & Söhne helfen.", "Solo puedo ayudar con Example e Hijos."}}
	keypad   = exchange{intents: []string{"keypad"}, agent: [3]string{"Thank you for typing it in.", "Danke für die Eingabe.", "Gracias por marcarlo."}}
	handover = exchange{intents: []string{"speak_to_agent"}, user: [3]string{"I want to talk to a person.", "Ich möchte mit einem Menschen sprechen.", "Quiero hablar con una persona."}, agent: [3]string{"I'll put you through to a colleague.", "Ich verbinde Sie mit einem Kollegen.", "Le paso con un compañero."}}
	goodbye  = exchange{intents: []string{"goodbye"}, user: [3]string{"That's all, thank you. Bye!", "Das ist alles, danke. Tschüss!", "Eso es todo, gracias. ¡Adiós!"}, agent: [3]string{"Thank you for calling. Goodbye!", "Danke für Ihren Anruf. Auf Wiederhören!", "Gracias por llamar. ¡Adiós!"}}
)

// slotValues are what may stand in a slot.
var slotValues = [...][]string{
	slotNone: {""}, slotName: names(),
	slotReference: {"EX-1001", "EX-2040", "EX-3333", "EX-4712", "EX-5150", "EX-6001", "EX-7777", "EX-8128", "EX-9000", "EX-9999"},
	slotDate:      {"1 March", "2 April", "3 May", "14 June", "15 July", "26 August", "7 September", "8 October", "19 November", "30 December"},
	slotTime:      {"9:00", "9:30", "10:15", "11:00", "12:45", "14:00", "15:30", "16:00", "17:20"},
	slotAmount:    {"£12.34", "£23.45", "£34.56", "£45.67", "£123.45", "€56.78", "€67.89", "$100.00"},
	slotPlace:     {"Exampleton", "Sampleford", "Testingham", "Mockbury", "Placeholder-on-Sea", "Dummersdorf", "Villa Ejemplo"},
}

func names() []string {
	var list []string
	for _, first := range []string{"Ada", "Bob", "Clara", "Dev", "Emre", "Fatima", "Grace", "Hiro", "Inès", "Jörg", "Kwame", "Lucía", "Mei", "Noor", "Olga", "Pádraig"} {
		for _, last := range []string{"Example", "Sample", "Specimen", "Placeholder", "Testcase", "Mustermann"} {
			list = append(list, first+" "+last)
		}
	}
	return list
}

// phrase is a phrase cut at its slot.
type phrase struct{ before, after string }

// spoken is an exchange ready for use.
type spoken struct {
	intents     []string
	slot        slot
	user, agent [len(languages)]phrase
	userHas     bool // the slot is in what the user says
}

func speak(exchanges ...exchange) []spoken {
	list := make([]spoken, len(exchanges))
	for i, e := range exchanges {
		list[i] = spoken{intents: e.intents, slot: e.slot}
		for l := range languages {
			list[i].user[l].before, list[i].user[l].after, list[i].userHas = strings.Cut(e.user[l], "{}")
			list[i].agent[l].before, list[i].agent[l].after, _ = strings.Cut(e.agent[l], "{}")
		}
		if list[i].intents == nil {
			list[i].intents = []string{}
		}
	}
	return list
}

var (
	spokenGreetings = speak(greetings...)
	spokenFillers   = speak(fillers...)
	spokenSpecial   = speak(silence, outside, keypad, handover, goodbye)
	spokenTopics    = func() [][]spoken {
		var all [][]spoken
		for _, t := range topics {
			all = append(all, speak(t.steps...))
		}
		return all
	}()
)

const (
	specialSilence = iota // places in spokenSpecial
	specialOutside
	specialKeypad
	specialHandover
	specialGoodbye
)

var handoffReasons = []string{"caller asked for a person", "could not verify", "complaint", "topic not covered", "payment needed"}
var handoffDestinations = []string{"billing", "front desk", "second line", "+442079460999", "sip:desk@example.com"}
