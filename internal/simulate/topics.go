package simulate

// topic is a reason for contact. Its steps are said in their order. A call may
// continue with the next topic, or end, after a settled step.
type topic struct {
	name   string
	weight float64 // share of the calls
	// reasons are the weights of handoffEndings.
	reasons [handoffReasonCount]float64
	// summary and settled are texts for the summary of a call, with placeholders by
	// name.
	summary, settled []string
	steps            []exchange
}

// topics are the reasons for contact, with the shares of a shop with deliveries.
var topics = [...]topic{
	{"delivery", 0.31, [...]float64{0.45, 0.05, 0.25, 0.25, 0},
		[]string{
			"The customer asked where parcel {reference} is.",
			"{name} is waiting for parcel {reference} and asked when it will arrive.",
			"Delivery status requested for {reference}."},
		[]string{"The assistant gave the current status.", "The parcel is on its way, and the customer was content with that."},
		[]exchange{
			{[]string{"track_order"}, placeholderReference, true,
				l3{"Where is my parcel? The number is {}.", "Wo ist mein Paket? Die Nummer ist {}.", "¿Dónde está mi paquete? El número es {}."},
				l3{"Parcel {} left our depot this morning and is on its way to you.", "Das Paket {} hat heute Morgen unser Lager verlassen und ist unterwegs zu Ihnen.", "El paquete {} ha salido esta mañana del almacén y está en camino."}},
			{[]string{"ask_delivery_time"}, placeholderDate, true,
				l3{"Will it be here by {}?", "Ist es bis {} da?", "¿Llegará antes del {}?"},
				l3{"Yes, it should be with you by {}.", "Ja, es sollte bis {} bei Ihnen sein.", "Sí, debería llegar antes del {}."}},
			{[]string{"change_address"}, placeholderPlace, true,
				l3{"Can I collect it in {} instead?", "Kann ich es auch in {} abholen?", "¿Puedo recogerlo en {}?"},
				l3{"Of course. It will wait for you at our branch in {}.", "Natürlich. Es liegt in unserer Filiale in {} für Sie bereit.", "Claro. Le esperará en nuestra tienda de {}."}},
			{[]string{"ask_collection_time"}, placeholderTime, true,
				l3{"Can I come for it at {}?", "Kann ich es um {} Uhr holen?", "¿Puedo pasar a las {}?"},
				l3{"Yes, from {} it is ready at the counter.", "Ja, ab {} Uhr liegt es an der Theke.", "Sí, a partir de las {} estará en el mostrador."}},
			{[]string{"ask_documents"}, placeholderNone, true,
				l3{"What do I need to bring?", "Was muss ich mitbringen?", "¿Qué tengo que llevar?"},
				l3{"The parcel number and an identity card.", "Die Paketnummer und einen Ausweis.", "El número del paquete y un documento de identidad."}},
		}},
	{"billing", 0.24, [...]float64{0.25, 0.15, 0.10, 0.20, 0.30},
		[]string{
			"The customer did not understand a charge of {amount}.",
			"Question about a bill over {amount}, reference {reference}.",
			"{name} queried the last bill, which was higher than expected ({amount})."},
		[]string{"A late payment explained the amount.", "The assistant explained the charge."},
		[]exchange{
			{[]string{"query_bill"}, placeholderAmount, false,
				l3{"My last bill says {} and I don't understand why.", "Auf meiner letzten Rechnung stehen {}, und ich verstehe nicht, warum.", "Mi última factura dice {} y no entiendo por qué."},
				l3{"I can look into that. Which reference is on the bill?", "Das sehe ich mir an. Welche Nummer steht auf der Rechnung?", "Puedo revisarlo. ¿Qué referencia figura en la factura?"}},
			{[]string{"give_reference"}, placeholderReference, true,
				l3{"It says {} at the top.", "Oben steht {}.", "Arriba pone {}."},
				l3{"Thank you. For {} I see that the previous payment arrived late, so a fee was added.", "Danke. Zu {} sehe ich, dass die vorige Zahlung verspätet kam. Deshalb kam eine Gebühr hinzu.", "Gracias. Para {} veo que el pago anterior llegó con retraso y se añadió un recargo."}},
			{[]string{"dispute_charge"}, placeholderAmount, true,
				l3{"That can't be right, I only owe {}.", "Das kann nicht stimmen, ich schulde nur {}.", "No puede ser, solo debo {}."},
				l3{"I have noted that you expected {}. The billing team will check it.", "Ich habe notiert, dass Sie {} erwartet haben. Die Buchhaltung prüft das.", "He anotado que esperaba {}. El equipo de facturación lo comprobará."}},
			{[]string{"ask_bill_copy"}, placeholderNone, true,
				l3{"Could you send me a copy of the bill?", "Können Sie mir eine Kopie der Rechnung schicken?", "¿Puede enviarme una copia de la factura?"},
				l3{"I have just sent it to your e-mail address.", "Ich habe sie gerade an Ihre E-Mail-Adresse geschickt.", "Acabo de enviarla a su correo electrónico."}},
			{[]string{"ask_due_date"}, placeholderDate, true,
				l3{"Is it early enough if I pay on {}?", "Reicht es, wenn ich am {} zahle?", "¿Basta con que pague el {}?"},
				l3{"Yes, {} is fine.", "Ja, {} genügt.", "Sí, el {} está bien."}},
		}},
	{"booking", 0.18, [...]float64{0.50, 0.15, 0.30, 0.05, 0},
		[]string{
			"The customer wanted an appointment on {date}.",
			"{name} asked for an appointment, preferably around {time}.",
			"Appointment requested for {date} at {time}."},
		[]string{"It was booked.", "The appointment was made and confirmed."},
		[]exchange{
			{[]string{"make_booking"}, placeholderDate, false,
				l3{"I'd like to book an appointment for {}, please.", "Ich möchte gern einen Termin am {}.", "Quisiera reservar una cita para el {}."},
				l3{"Of course. What time on {} would suit you?", "Gern. Um wie viel Uhr passt es Ihnen am {}?", "Por supuesto. ¿A qué hora le viene bien el {}?"}},
			{[]string{"give_time"}, placeholderTime, false,
				l3{"Around {} would be perfect.", "Gegen {} Uhr wäre perfekt.", "Sobre las {} sería perfecto."},
				l3{"{} is free. What name shall I book it under?", "{} Uhr ist noch frei. Auf welchen Namen darf ich buchen?", "A las {} está libre. ¿A qué nombre la reservo?"}},
			{[]string{"give_name"}, placeholderName, true,
				l3{"{}, please.", "{}, bitte.", "{}, por favor."},
				l3{"Thank you, {}. Your appointment is booked.", "Danke, {}. Ihr Termin ist gebucht.", "Gracias, {}. Su cita está reservada."}},
			{[]string{"change_booking"}, placeholderDate, true,
				l3{"Actually, could we move it to {}?", "Können wir es doch auf {} legen?", "En realidad, ¿podemos cambiarla al {}?"},
				l3{"No problem, I have moved it to {}.", "Kein Problem, ich habe es auf {} gelegt.", "Sin problema, la he cambiado al {}."}},
			{[]string{"ask_confirmation"}, placeholderNone, true,
				l3{"Will I get a confirmation?", "Bekomme ich eine Bestätigung?", "¿Recibiré una confirmación?"},
				l3{"Yes, I have just sent you a text message.", "Ja, ich habe Ihnen gerade eine SMS geschickt.", "Sí, acabo de enviarle un mensaje."}},
			{[]string{"ask_duration"}, placeholderNone, true,
				l3{"How long will it take?", "Wie lange wird es dauern?", "¿Cuánto durará?"},
				l3{"About half an hour.", "Etwa eine halbe Stunde.", "Una media hora."}},
		}},
	{"account", 0.12, [...]float64{0.25, 0.55, 0.15, 0.05, 0},
		[]string{
			"The customer could not log in.",
			"{name} needed a new password.",
			"Login problem reported for customer number {reference}."},
		[]string{"A new link was sent.", "The assistant sent a link for a new password."},
		[]exchange{
			{[]string{"reset_password"}, placeholderNone, false,
				l3{"I can't log in to my account.", "Ich kann mich nicht in meinem Konto anmelden.", "No puedo entrar en mi cuenta."},
				l3{"I am sorry to hear that. What is your full name?", "Das tut mir leid. Wie heißen Sie?", "Lo siento. ¿Cuál es su nombre completo?"}},
			{[]string{"give_name"}, placeholderName, false,
				l3{"My name is {}.", "Mein Name ist {}.", "Me llamo {}."},
				l3{"Thank you, {}. And your customer number?", "Danke, {}. Und Ihre Kundennummer?", "Gracias, {}. ¿Y su número de cliente?"}},
			{[]string{"give_reference"}, placeholderReference, true,
				l3{"That would be {}.", "Das ist die {}.", "Es el {}."},
				l3{"I have sent you a link for a new password for {}.", "Ich habe Ihnen einen Link für ein neues Passwort zu {} geschickt.", "Le he enviado un enlace para una nueva contraseña de {}."}},
			{[]string{"report_missing_mail"}, placeholderNone, true,
				l3{"The link hasn't arrived yet.", "Der Link ist noch nicht da.", "El enlace todavía no ha llegado."},
				l3{"I have sent it once more. Please look in your spam folder too.", "Ich habe ihn noch einmal geschickt. Bitte sehen Sie auch im Spam-Ordner nach.", "Lo he enviado otra vez. Mire también en el correo no deseado, por favor."}},
			{[]string{"update_details"}, placeholderPlace, true,
				l3{"I have also moved to {}, by the way.", "Ich bin übrigens auch nach {} umgezogen.", "Por cierto, también me he mudado a {}."},
				l3{"Thank you, I have changed your address to {}.", "Danke, ich habe Ihre Adresse auf {} geändert.", "Gracias, he cambiado su dirección a {}."}},
		}},
	{"opening_hours", 0.08, [...]float64{0.40, 0, 0.60, 0, 0},
		[]string{
			"The customer asked how late the branch in {place} is open.",
			"Opening hours of {place} requested.",
			"Someone who wants to visit the branch in {place} asked about its hours."},
		[]string{"The assistant answered.", "The hours were given."},
		[]exchange{
			{[]string{"ask_opening_hours"}, placeholderPlace, true,
				l3{"How late are you open in {} today?", "Wie lange haben Sie heute in {} geöffnet?", "¿Hasta qué hora abren hoy en {}?"},
				l3{"Our branch in {} closes at eight.", "Unsere Filiale in {} schließt um acht.", "Nuestra tienda de {} cierra a las ocho."}},
			{[]string{"ask_parking"}, placeholderNone, true,
				l3{"Is there anywhere to park?", "Kann man dort parken?", "¿Hay aparcamiento?"},
				l3{"Yes, behind the building, and it is free.", "Ja, hinter dem Haus, und es kostet nichts.", "Sí, detrás del edificio, y es gratis."}},
			{[]string{"ask_opening_hours"}, placeholderDate, true,
				l3{"And are you open on {}?", "Und haben Sie am {} geöffnet?", "¿Y abren el {}?"},
				l3{"Yes, on {} from nine to six.", "Ja, am {} von neun bis sechs.", "Sí, el {} de nueve a seis."}},
			{[]string{"ask_access"}, placeholderNone, true,
				l3{"Can I get in with a wheelchair?", "Komme ich mit dem Rollstuhl hinein?", "¿Puedo entrar con silla de ruedas?"},
				l3{"Yes, the side entrance has a ramp.", "Ja, am Seiteneingang gibt es eine Rampe.", "Sí, la entrada lateral tiene rampa."}},
		}},
	{"returns", 0.05, [...]float64{0.40, 0.10, 0.10, 0.40, 0},
		[]string{
			"The customer wanted to return order {reference}, which had arrived broken.",
			"Return of {reference} requested because of damage.",
			"{name} reported a damaged item in order {reference}."},
		[]string{"A refund was arranged.", "The return was registered, with a refund within five days."},
		[]exchange{
			{[]string{"return_item"}, placeholderReference, false,
				l3{"I'd like to send back my order {}.", "Ich möchte meine Bestellung {} zurückschicken.", "Quisiera devolver mi pedido {}."},
				l3{"I'm sorry that it wasn't right. What is the problem with {}?", "Schade, dass es nicht gepasst hat. Was ist mit {} nicht in Ordnung?", "Siento que no haya quedado satisfecho. ¿Qué problema hay con {}?"}},
			{[]string{"report_damage"}, placeholderNone, false,
				l3{"It arrived broken.", "Es kam kaputt an.", "Llegó roto."},
				l3{"I have registered the return. Would you like your money back, or a new one?", "Ich habe die Rücksendung angelegt. Möchten Sie Ihr Geld zurück oder Ersatz?", "He registrado la devolución. ¿Prefiere el reembolso o uno nuevo?"}},
			{[]string{"ask_refund"}, placeholderNone, true,
				l3{"My money back, please.", "Mein Geld zurück, bitte.", "El reembolso, por favor."},
				l3{"You will have it within five days.", "Sie haben es innerhalb von fünf Tagen.", "Lo tendrá en un plazo de cinco días."}},
			{[]string{"ask_return_place"}, placeholderPlace, true,
				l3{"Can I hand it in at {}?", "Kann ich es in {} abgeben?", "¿Puedo entregarlo en {}?"},
				l3{"Yes, our branch in {} takes it.", "Ja, unsere Filiale in {} nimmt es an.", "Sí, nuestra tienda de {} lo acepta."}},
		}},
	{"order", 0.02, [...]float64{0.30, 0, 0.20, 0, 0.50},
		[]string{
			"{name} placed an order for the office, beginning with {item}.",
			"Order by telephone, item by item.",
			"The customer read out a list of items to order ({item} and others)."},
		[]string{"The order was taken.", "All items were noted, and the order goes out tomorrow."},
		[]exchange{
			{[]string{"place_order"}, placeholderNone, false,
				l3{"I'd like to place an order for the office.", "Ich möchte etwas für das Büro bestellen.", "Quisiera hacer un pedido para la oficina."},
				l3{"With pleasure. What is the first item?", "Sehr gern. Was darf es als Erstes sein?", "Con mucho gusto. ¿Cuál es el primer artículo?"}},
			{[]string{"finish_order"}, placeholderNone, true,
				l3{"That's the whole list.", "Das ist die ganze Liste.", "Esa es toda la lista."},
				l3{"Thank you. The order goes out tomorrow.", "Danke. Die Bestellung geht morgen raus.", "Gracias. El pedido sale mañana."}},
		}},
}

// orderLines alternate in an order, between its two steps. Their number is not
// limited, since no item is used twice.
var orderLines = []exchange{
	{[]string{"add_item"}, placeholderItem, false,
		l3{"I need {}.", "Ich brauche {}.", "Necesito {}."},
		l3{"{}, noted.", "{}, notiert.", "{}, anotado."}},
	{[]string{"add_item"}, placeholderItem, false,
		l3{"Then {}.", "Dann {}.", "Después {}."},
		l3{"I have added {}.", "Ich habe {} hinzugefügt.", "He añadido {}."}},
	{[]string{"add_item"}, placeholderItem, false,
		l3{"Next, {}, please.", "Weiter mit {}, bitte.", "Lo siguiente, {}, por favor."},
		l3{"Good, {}. What else?", "Gut, {}. Was noch?", "Bien, {}. ¿Qué más?"}},
	{[]string{"add_item"}, placeholderItem, false,
		l3{"And {} as well.", "Und noch {}.", "Y también {}."},
		l3{"{}: we have that in stock.", "{}: Das haben wir auf Lager.", "{}: lo tenemos en existencias."}},
}
