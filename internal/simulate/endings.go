package simulate

// goodbyes end a call whose topics are settled.
var goodbyes = []exchange{
	{intents: []string{"goodbye"}, user: l3{"That's all, thank you. Bye!", "Das ist alles, danke. Tschüss!", "Eso es todo, gracias. ¡Adiós!"},
		agent: l3{"Thank you for contacting Example & Sons. Goodbye!", "Danke, dass Sie sich an Example & Söhne gewandt haben. Auf Wiederhören!", "Gracias por contactar con Example e Hijos. ¡Adiós!"}},
	{intents: []string{"goodbye"}, user: l3{"Great, that was everything.", "Prima, das war alles.", "Estupendo, era todo."},
		agent: l3{"Happy to help. Have a good day!", "Gern geschehen. Einen schönen Tag noch!", "Encantado de ayudar. ¡Que tenga un buen día!"}},
	{intents: []string{"goodbye"}, user: l3{"Perfect, thanks for your help.", "Perfekt, danke für die Hilfe.", "Perfecto, gracias por su ayuda."},
		agent: l3{"You're welcome. Take care!", "Nichts zu danken. Alles Gute!", "De nada. ¡Cuídese!"}},
	{intents: []string{"goodbye"}, user: l3{"Right, nothing else. Bye.", "Gut, sonst nichts mehr. Auf Wiedersehen.", "Bien, nada más. Hasta luego."},
		agent: l3{"Then I wish you a pleasant day. Goodbye.", "Dann wünsche ich Ihnen einen angenehmen Tag. Auf Wiederhören.", "Entonces le deseo un buen día. Hasta luego."}},
}

// misdial is a complete call to the wrong company.
var misdial = exchange{intents: []string{"wrong_company"},
	user:  l3{"Sorry, I wanted a different company.", "Entschuldigung, ich wollte zu einer anderen Firma.", "Perdone, buscaba otra empresa."},
	agent: l3{"No problem at all. Goodbye!", "Kein Problem. Auf Wiederhören!", "No se preocupe. ¡Adiós!"}}

// noCallback is the same in an outbound call.
var noCallback = exchange{intents: []string{"wrong_number"},
	user:  l3{"That wasn't me, you have the wrong number.", "Das war ich nicht, Sie haben sich verwählt.", "No he sido yo, se ha equivocado de número."},
	agent: l3{"I'm sorry to have disturbed you. Goodbye!", "Entschuldigen Sie die Störung. Auf Wiederhören!", "Perdone la molestia. ¡Adiós!"}}

// hangUps end a call in which the user no longer answers.
var hangUps = []exchange{
	{agent: l3{"As you are no longer answering, I am ending our conversation here. Goodbye.", "Da Sie nicht mehr antworten, beende ich unser Gespräch hier. Auf Wiederhören.", "Como ya no responde, termino aquí nuestra conversación. Adiós."}},
	{agent: l3{"I am not getting an answer. Please contact us again. Goodbye.", "Ich bekomme keine Antwort. Bitte melden Sie sich noch einmal. Auf Wiederhören.", "No recibo respuesta. Póngase en contacto de nuevo, por favor. Adiós."}},
}

// Reasons for a handoff: indices in handoffEndings.
const (
	askedForPerson = iota
	notVerified
	notCovered
	complaint
	paymentNeeded
	handoffReasonCount
)

// handoffEndings are the reasons for a handoff, each with its destinations and the
// exchanges that lead to it.
var handoffEndings = [handoffReasonCount]struct {
	reason       string
	destinations []string
	summary      string
	endings      [][]exchange
}{
	askedForPerson: {"caller asked for a person", []string{"front desk", "+442079460999"}, "The customer asked for a person and was put through.", [][]exchange{
		{{intents: []string{"speak_to_agent"}, user: l3{"I want to talk to a person.", "Ich möchte mit einem Menschen sprechen.", "Quiero hablar con una persona."},
			agent: l3{"Of course. I'll put you through to a colleague.", "Natürlich. Ich verbinde Sie mit einem Kollegen.", "Por supuesto. Le paso con un compañero."}}},
		{{intents: []string{"speak_to_agent"}, user: l3{"Can someone from your team help me instead?", "Kann mir stattdessen jemand aus Ihrem Team helfen?", "¿Puede ayudarme alguien de su equipo?"},
			agent: l3{"Certainly, I'll connect you with the front desk.", "Gewiss, ich verbinde Sie mit dem Empfang.", "Claro, le paso con recepción."}}},
	}},
	notVerified: {"could not verify", []string{"second line"}, "The customer could not be verified and was handed over.", [][]exchange{
		{{intents: []string{"ask_contract"}, user: l3{"Can you also tell me what is in my contract?", "Können Sie mir auch sagen, was in meinem Vertrag steht?", "¿Puede decirme también qué dice mi contrato?"},
			agent: l3{"For that I have to verify you. Which branch did you sign it at?", "Dafür muss ich Sie verifizieren. In welcher Filiale haben Sie ihn unterschrieben?", "Para eso tengo que verificar su identidad. ¿En qué tienda lo firmó?"}},
			{intents: []string{"verify"}, placeholder: placeholderPlace, user: l3{"In {}, I think.", "Ich glaube, in {}.", "En {}, creo."},
				agent: l3{"I'm sorry, that doesn't match our records. A colleague will verify you, I'm connecting you now.", "Das stimmt leider nicht mit unseren Daten überein. Ein Kollege prüft das, ich verbinde Sie.", "Lo siento, no coincide con nuestros datos. Le paso con un compañero que lo verificará."}}},
		{{intents: []string{"change_bank_details"}, user: l3{"I'd also like to change my bank details.", "Ich möchte auch meine Bankverbindung ändern.", "También quisiera cambiar mis datos bancarios."},
			agent: l3{"I need to check who you are first. What is the name on the account?", "Dazu muss ich erst prüfen, wer Sie sind. Auf welchen Namen läuft das Konto?", "Primero debo comprobar quién es. ¿A qué nombre está la cuenta?"}},
			{intents: []string{"verify"}, placeholder: placeholderName, user: l3{"It should be under {}.", "Es müsste auf {} laufen.", "Debería estar a nombre de {}."},
				agent: l3{"I can't confirm that, I'm afraid. I'll hand you over to a colleague who can.", "Das kann ich leider nicht bestätigen. Ich übergebe Sie an einen Kollegen, der es kann.", "No puedo confirmarlo. Le paso con un compañero que sí puede."}}},
	}},
	notCovered: {"topic not covered", []string{"front desk", "sip:desk@example.com"}, "The last question is not covered by the assistant, so a colleague took over.", [][]exchange{
		{{intents: []string{"ask_job"}, user: l3{"Do you have any jobs at the moment?", "Haben Sie zurzeit offene Stellen?", "¿Tienen ofertas de empleo?"},
			agent: l3{"I don't know about jobs. I'll connect you with a colleague who does.", "Zu Stellen weiß ich nichts. Ich verbinde Sie mit jemandem, der Bescheid weiß.", "No sé nada de empleos. Le paso con un compañero que sí."}}},
		{{intents: []string{"ask_insurance"}, user: l3{"Do you insure things against theft, too?", "Versichern Sie auch gegen Diebstahl?", "¿También aseguran contra robo?"},
			agent: l3{"I can't answer that one. I'm putting you through to the front desk.", "Das kann ich nicht beantworten. Ich stelle Sie zum Empfang durch.", "A eso no puedo responder. Le paso con recepción."}}},
		{{intents: []string{"ask_supplier"}, user: l3{"I'm a supplier, who do I talk to about an offer?", "Ich bin Lieferant, mit wem spreche ich über ein Angebot?", "Soy proveedor, ¿con quién hablo de una oferta?"},
			agent: l3{"Purchasing is not something I can help with. A colleague will, one moment.", "Beim Einkauf kann ich nicht helfen. Ein Kollege übernimmt, einen Moment.", "Con compras no puedo ayudarle. Un compañero le atenderá, un momento."}}},
	}},
	complaint: {"complaint", []string{"second line"}, "The customer made a complaint and was put through to customer relations.", [][]exchange{
		{{intents: []string{"complain"}, user: l3{"This is the third time I've had to ask. I want to make a complaint.", "Ich frage jetzt zum dritten Mal. Ich möchte mich beschweren.", "Es la tercera vez que pregunto. Quiero poner una reclamación."},
			agent: l3{"I'm sorry about that. I'll put you through to customer relations.", "Das tut mir sehr leid. Ich verbinde Sie mit der Kundenbetreuung.", "Lo lamento. Le paso con atención al cliente."}}},
		{{intents: []string{"complain"}, user: l3{"I'm really not happy with this. Who can I complain to?", "Damit bin ich gar nicht zufrieden. Bei wem kann ich mich beschweren?", "No estoy nada contento. ¿A quién puedo reclamar?"},
			agent: l3{"I understand. A colleague will take your complaint, please hold.", "Das verstehe ich. Ein Kollege nimmt Ihre Beschwerde auf, bitte warten Sie.", "Lo entiendo. Un compañero recogerá su queja, espere, por favor."}}},
	}},
	paymentNeeded: {"payment needed", []string{"billing"}, "The customer wanted to pay by card and was put through to billing.", [][]exchange{
		{{intents: []string{"pay_by_card"}, user: l3{"I'd like to pay by card right away.", "Ich möchte gleich mit Karte zahlen.", "Quisiera pagar con tarjeta ahora mismo."},
			agent: l3{"I can't take card details. I'll put you through to billing.", "Kartendaten darf ich nicht annehmen. Ich verbinde Sie mit der Buchhaltung.", "No puedo tomar datos de tarjetas. Le paso con facturación."}}},
		{{intents: []string{"pay_by_card"}, user: l3{"Can I settle that over the phone?", "Kann ich das telefonisch bezahlen?", "¿Puedo pagarlo por teléfono?"},
			agent: l3{"Yes, a colleague in billing takes the payment. I'm connecting you.", "Ja, ein Kollege in der Buchhaltung nimmt die Zahlung an. Ich verbinde Sie.", "Sí, un compañero de facturación se encarga del pago. Le paso."}}},
	}},
}

// handoffAtOnce is a handoff before anything was said.
var handoffAtOnce = exchange{intents: []string{"speak_to_agent"},
	user:  l3{"A person, please.", "Einen Mitarbeiter, bitte.", "Un agente, por favor."},
	agent: l3{"Good day, this is Example & Sons. I'll connect you at once.", "Guten Tag, hier ist Example & Söhne. Ich verbinde Sie sofort.", "Buenos días, aquí Example e Hijos. Le paso enseguida."}}
