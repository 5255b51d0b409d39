package simulate

type overrides struct{}

func (o *overrides) apply(c *conversation)                 {}
func (d *Deviations) apply(c *conversation)                {}
func (e *environment) deviateHead(h *head, r *random)      {}
func (c *conversation) appendUnreadable(dst []byte) []byte { return dst }
