package simulate

import "strconv"

// placeholder is a kind of value that replaces {} in a phrase.
type placeholder uint8

const (
	placeholderNone placeholder = iota
	placeholderName
	placeholderReference
	placeholderDate
	placeholderTime
	placeholderAmount
	placeholderPlace
	placeholderItem
	placeholderCount
)

// placeholderEntity is the name of the entity that a placeholder is recognised as.
var placeholderEntity = [placeholderCount]string{"", "customer_name", "reference", "date", "time", "amount", "branch", "item"}

// placeholderValues are the values of a placeholder in each language: the same index
// in two lists is the same value, translated.
var placeholderValues = [placeholderCount][len(languages)][]string{
	placeholderNone:      same([]string{""}),
	placeholderName:      same(names()),
	placeholderReference: same(references()),
	placeholderDate: {
		{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
		{"Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"},
		{"lunes", "martes", "miércoles", "jueves", "viernes", "sábado"}},
	placeholderTime: same([]string{"9:00", "9:30", "10:15", "11:00", "12:45", "14:00", "15:30", "16:00", "17:20"}),
	placeholderAmount: {
		{"£12.34", "£23.45", "£34.56", "£45.67", "£56.78", "£67.89", "£98.76", "£123.45"},
		{"12,34 €", "23,45 €", "34,56 €", "45,67 €", "56,78 €", "67,89 €", "98,76 €", "123,45 €"},
		{"12,34 €", "23,45 €", "34,56 €", "45,67 €", "56,78 €", "67,89 €", "98,76 €", "123,45 €"}},
	placeholderPlace: {
		{"Exampleton", "Sampleford", "Testingham", "Mockbury", "Placeholder-on-Sea", "Dummerton"},
		{"Beispielstadt", "Musterhausen", "Testheim", "Probeburg", "Platzhalter am See", "Dummersdorf"},
		{"Villa Ejemplo", "Muestra del Mar", "Pruebas de Arriba", "San Modelo", "Puerto Ficticio", "Maquetilla"}},
	placeholderItem: items3(),
}

func same(list []string) (all [len(languages)][]string) {
	for l := range all {
		all[l] = list
	}
	return all
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

func references() []string {
	var list []string
	for n := 1001; n < 10_000; n += 97 {
		list = append(list, "EX-"+strconv.Itoa(n))
	}
	return list
}

// items3 returns office supplies with quantities, enough for the longest conversation.
func items3() (all [len(languages)][]string) {
	things := []l3{
		{"boxes of envelopes", "Kartons Briefumschläge", "cajas de sobres"},
		{"packs of printer paper", "Pakete Druckerpapier", "paquetes de papel"},
		{"ring binders", "Ordner", "archivadores"},
		{"desk lamps", "Schreibtischlampen", "lámparas de mesa"},
		{"blue pens", "blaue Kugelschreiber", "bolígrafos azules"},
		{"rolls of tape", "Rollen Klebeband", "rollos de cinta"},
		{"notebooks", "Notizbücher", "cuadernos"},
		{"paper baskets", "Papierkörbe", "papeleras"},
		{"staplers", "Heftgeräte", "grapadoras"},
		{"packs of labels", "Packungen Etiketten", "paquetes de etiquetas"},
		{"whiteboard markers", "Whiteboard-Stifte", "rotuladores"},
		{"calendars", "Kalender", "calendarios"},
		{"office chairs", "Bürostühle", "sillas de oficina"},
		{"extension leads", "Verlängerungskabel", "alargadores"},
		{"folders", "Mappen", "carpetas"},
		{"packs of coffee", "Packungen Kaffee", "paquetes de café"},
		{"erasers", "Radiergummis", "gomas de borrar"},
		{"rulers", "Lineale", "reglas"},
		{"pairs of scissors", "Scheren", "tijeras"},
		{"toner cartridges", "Tonerkartuschen", "cartuchos de tóner"},
	}
	const quantities = 60 // of 20 articles: 1200 items, more than the turns of any conversation
	for i := range quantities * len(things) {
		// Neighbours differ in the quantity and in the article.
		quantity := strconv.Itoa(2 + (i/len(things)+7*(i%len(things)))%quantities)
		for l := range all {
			all[l] = append(all[l], quantity+" "+things[i%len(things)][l])
		}
	}
	return all
}
