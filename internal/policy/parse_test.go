package policy

import (
	"net/netip"
	"strings"
	"testing"
)

func packetSite() *Site {
	outside := &Interface{Name: "outside"}
	return &Site{
		Firewall: &Firewall{Interfaces: []*Interface{outside}},
		Hosts: []*Host{
			{Name: "web1", Addresses: []netip.Addr{netip.MustParseAddr("2001:db8::20"), netip.MustParseAddr("192.0.2.20")}},
			{Name: "db1", Addresses: []netip.Addr{netip.MustParseAddr("10.8.4.20")}},
		},
	}
}

// What a packet prints as is read as the same packet.
func TestParsePacketRoundTrip(t *testing.T) {
	for text, want := range map[string]string{
		"tcp 203.0.113.9 -> 192.0.2.10:25":                           "",
		"tcp 203.0.113.9 -> 192.0.2.10:25 from-port 5 in outside":    "",
		"tcp [2001:db8::9] -> [2001:db8::20]:443":                    "tcp 2001:db8::9 -> [2001:db8::20]:443",
		"tcp 2001:db8::9 -> [2001:db8::20]:443":                      "",
		"udp 10.0.0.1:99 -> 10.0.0.2:53":                             "udp 10.0.0.1 -> 10.0.0.2:53 from-port 99",
		"icmp 10.0.0.1 -> 10.0.0.2":                                  "icmp 10.0.0.1 -> 10.0.0.2 type 8",
		"icmpv6 2001:db8::1 -> 2001:db8::2":                          "icmpv6 2001:db8::1 -> 2001:db8::2 type 128",
		"icmp 10.0.0.1 -> 10.0.0.2 type 3 code 1 ttl 255":            "",
		"tcp 10.0.0.1 -> 10.0.0.2:1 flags syn,ack state established": "",
		"tcp 10.0.0.1 -> 10.0.0.2:1 flags none":                      "",
		"gre 10.0.0.1 -> 10.0.0.2":                                   "",
		"99 10.0.0.1 -> 10.0.0.2 state related":                      "",
		"tcp web1 -> db1:5432":                                       "tcp 192.0.2.20 -> 10.8.4.20:5432",
		"tcp [2001:db8::9] -> web1:443":                              "tcp 2001:db8::9 -> [2001:db8::20]:443",
	} {
		p, err := packetSite().ParsePacket(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if want == "" {
			want = text
		}
		if p.String() != want {
			t.Errorf("%s: is %s, want %s", text, p, want)
		}
		if again, err := packetSite().ParsePacket(p.String()); err != nil || again != p {
			t.Errorf("%s: read again as %+v, %v", p, again, err)
		}
	}
}

func TestParsePacketRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "is not a packet",
		"tcp 1.1.1.1 2.2.2.2:5":                 "is not a packet",
		"tpc 1.1.1.1 -> 2.2.2.2:5":              "not a protocol",
		"tcp 1.1.1.1 -> 2.2.2.2":                "to which tcp port",
		"tcp 1.1.1.1 -> 2.2.2.2:70000":          "not a port",
		"tcp 1.1.1.1 -> 2.2.2.2:80 in nowhere":  "no interface",
		"tcp 1.1.1.1 -> [2001:db8::1]:80":       "no address family",
		"icmp 2001:db8::1 -> 2001:db8::2":       "no address family",
		"tcp nobody -> 2.2.2.2:80":              "neither an IP address nor a host",
		"gre 1.1.1.1 -> 2.2.2.2:80":             "has no ports",
		"tcp 1.1.1.1 -> 2.2.2.2:80 type 8":      "for icmp",
		"tcp 1.1.1.1 -> 2.2.2.2:80 ttl 0":       "ttl 0",
		"tcp 1.1.1.1 -> 2.2.2.2:80 ttl 256":     "0 to 255",
		"tcp 1.1.1.1 -> 2.2.2.2:80 ttl":         "wants a value",
		"tcp 1.1.1.1 -> 2.2.2.2:80 ttl 1 ttl 1": "twice",
		"tcp 1.1.1.1 -> 2.2.2.2:80 flags sin":   "not a tcp flag",
		"tcp 1.1.1.1 -> 2.2.2.2:80 state old":   "not a state",
		"tcp 1.1.1.1 -> 2.2.2.2:80 via x":       "not understood",
		"tcp ::ffff:1.1.1.1 -> 2.2.2.2:80":      "mixes",
		"tcp 1.1.1.1 -> ]:80":                   "neither",
		"tcp 1.1.1.1 -> :80":                    "neither",
		"tcp 1.1.1.1 -> [:80":                   "neither",
	} {
		if _, err := packetSite().ParsePacket(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParsePacket(f *testing.F) {
	f.Add("tcp 203.0.113.9 -> 192.0.2.10:25 in outside")
	f.Add("icmp web1 -> db1 type 8")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := packetSite().ParsePacket(text)
		if err != nil {
			return
		}
		if again, err := packetSite().ParsePacket(p.String()); err != nil || again.String() != p.String() {
			t.Errorf("%q is %q, read again as %q, %v", text, p, again, err)
		}
	})
}
