package site

import (
	"fmt"
	"sort"
	"strings"
	"sync"

	"glacis/internal/policy"
)

const (
	iana     = "IANA service names and port numbers"
	ianaICMP = "IANA ICMP and ICMPv6 parameters"
	ianaIP   = "IANA protocol numbers"
)

// builtins are the services every site knows: name, what it is, its matches,
// and where the definition comes from. Names are IANA's where IANA has one.
var builtins = []struct{ name, title, matches, source string }{
	{"any", "every protocol and port", "any", "the language"},

	{"icmp-echo", "ping, IPv4 and IPv6", "icmp/8 icmpv6/128", ianaICMP + "; RFC 792, RFC 4443"},
	{"ping", "the same as icmp-echo", "icmp/8 icmpv6/128", ianaICMP},
	{"traceroute", "probes of traceroute: UDP ports it counts up, and ping", "udp/33434-33534 icmp/8 icmpv6/128", "traceroute(8); RFC 1393"},
	{"gre", "generic routing encapsulation", "gre", ianaIP + "; RFC 2784"},
	{"esp", "IPsec payload", "esp", ianaIP + "; RFC 4303"},
	{"ah", "IPsec authentication header", "ah", ianaIP + "; RFC 4302"},
	{"ospf", "OSPF routing", "ospf", ianaIP + "; RFC 2328"},
	{"vrrp", "virtual router redundancy", "vrrp", ianaIP + "; RFC 9568"},
	{"isakmp", "IKE key exchange", "udp/500", iana + "; RFC 7296"},
	{"ipsec-nat-t", "IPsec through NAT", "udp/4500", iana + "; RFC 3948"},
	{"ipsec", "IKE, NAT traversal and ESP", "udp/500 udp/4500 esp", "RFC 7296, RFC 3948, RFC 4303"},

	{"http", "web", "tcp/80", iana + "; RFC 9110"},
	{"https", "web over TLS", "tcp/443", iana + "; RFC 9110"},
	{"http3", "web over QUIC", "udp/443", "RFC 9114"},
	{"http-alt", "web on the alternate port", "tcp/8080", iana},
	{"ssh", "secure shell", "tcp/22", iana + "; RFC 4253"},
	{"telnet", "terminal in clear text", "tcp/23", iana + "; RFC 854"},
	{"ftp", "file transfer, control connection", "tcp/21", iana + "; RFC 959"},
	{"ftp-data", "file transfer, active data", "tcp/20", iana + "; RFC 959"},
	{"ftps", "file transfer over TLS, control", "tcp/990", iana + "; RFC 4217"},
	{"tftp", "trivial file transfer", "udp/69", iana + "; RFC 1350"},
	{"rsync", "file synchronisation", "tcp/873", iana},
	{"git", "git protocol", "tcp/9418", iana},
	{"svn", "subversion", "tcp/3690", iana},

	{"smtp", "mail between servers", "tcp/25", iana + "; RFC 5321"},
	{"submission", "mail from users", "tcp/587", iana + "; RFC 6409"},
	{"submissions", "mail from users over TLS", "tcp/465", iana + "; RFC 8314"},
	{"pop3", "mailbox", "tcp/110", iana + "; RFC 1939"},
	{"pop3s", "mailbox over TLS", "tcp/995", iana + "; RFC 8314"},
	{"imap", "mailbox", "tcp/143", iana + "; RFC 9051"},
	{"imaps", "mailbox over TLS", "tcp/993", iana + "; RFC 8314"},
	{"sieve", "mail filter management", "tcp/4190", iana + "; RFC 5804"},
	{"nntp", "news", "tcp/119", iana + "; RFC 3977"},

	{"domain", "DNS", "udp/53 tcp/53", iana + "; RFC 1035, RFC 7766"},
	{"dns", "DNS, UDP and TCP", "udp/53 tcp/53", iana + "; RFC 1035, RFC 7766"},
	{"domain-s", "DNS over TLS", "tcp/853", iana + "; RFC 7858"},
	{"doq", "DNS over QUIC", "udp/853", "RFC 9250"},
	{"mdns", "multicast DNS", "udp/5353", iana + "; RFC 6762"},
	{"ntp", "time", "udp/123", iana + "; RFC 5905"},
	{"nts-ke", "network time security keys", "tcp/4460", iana + "; RFC 8915"},
	{"ptp", "precision time", "udp/319-320", iana + "; IEEE 1588"},
	{"dhcp-server", "address requests to a server", "udp/67", iana + "; RFC 2131"},
	{"dhcp-client", "answers to a client", "udp/68", iana + "; RFC 2131"},
	{"dhcpv6-server", "IPv6 address requests", "udp/547", iana + "; RFC 8415"},
	{"dhcpv6-client", "IPv6 address answers", "udp/546", iana + "; RFC 8415"},
	{"dhcp-failover", "DHCP servers among themselves", "tcp/647", iana},
	{"whois", "registry lookups", "tcp/43", iana + "; RFC 3912"},
	{"ident", "user of a connection", "tcp/113", iana + "; RFC 1413"},
	{"finger", "user information", "tcp/79", iana + "; RFC 1288"},

	{"ldap", "directory", "tcp/389", iana + "; RFC 4511"},
	{"cldap", "directory, connectionless: domain controller locator", "udp/389", iana + "; MS-ADTS 6.3.3"},
	{"ldaps", "directory over TLS", "tcp/636", iana},
	{"msft-gc", "global catalogue", "tcp/3268", iana},
	{"msft-gc-ssl", "global catalogue over TLS", "tcp/3269", iana},
	{"kerberos", "authentication", "tcp/88 udp/88", iana + "; RFC 4120"},
	{"kpasswd", "password change", "tcp/464 udp/464", iana + "; RFC 3244"},
	{"radius", "authentication of access", "udp/1812", iana + "; RFC 2865"},
	{"radius-acct", "accounting of access", "udp/1813", iana + "; RFC 2866"},
	{"radsec", "RADIUS over TLS", "tcp/2083", iana + "; RFC 6614"},
	{"tacacs", "device administration", "tcp/49", iana + "; RFC 8907"},
	{"netbios-ns", "NetBIOS names", "udp/137", iana + "; RFC 1002"},
	{"netbios-dgm", "NetBIOS datagrams", "udp/138", iana + "; RFC 1002"},
	{"netbios-ssn", "NetBIOS sessions", "tcp/139", iana + "; RFC 1002"},
	{"microsoft-ds", "SMB files", "tcp/445", iana + "; MS-SMB2"},
	{"smb", "the same as microsoft-ds", "tcp/445", iana + "; MS-SMB2"},
	{"epmap", "RPC endpoint mapper", "tcp/135", iana + "; MS-RPCE"},
	{"rpc-dynamic", "ports Windows gives to RPC services since Vista", "tcp/49152-65535", "RFC 6335; Microsoft: service overview and network port requirements"},
	{"ms-wbt-server", "remote desktop", "tcp/3389 udp/3389", iana + "; MS-RDPBCGR"},
	{"rdp", "the same as ms-wbt-server", "tcp/3389 udp/3389", iana},
	{"winrm", "Windows remote management", "tcp/5985", iana + " (wsman); DSP0226"},
	{"winrm-https", "Windows remote management over TLS", "tcp/5986", iana + " (wsmans); DSP0226"},
	{"adws", "Active Directory web services", "tcp/9389", iana + "; MS-ADDM"},
	{"domain-member", "what a member needs of its domain controllers",
		"tcp/53 udp/53 tcp/88 udp/88 udp/123 tcp/135 tcp/389 udp/389 tcp/445 tcp/464 udp/464 tcp/636 tcp/3268 tcp/3269 tcp/49152-65535",
		"Microsoft: how to configure a firewall for Active Directory domains and trusts"},

	{"postgresql", "PostgreSQL", "tcp/5432", iana},
	{"mysql", "MySQL and MariaDB", "tcp/3306", iana},
	{"ms-sql-s", "Microsoft SQL Server", "tcp/1433", iana},
	{"ms-sql-m", "Microsoft SQL Server browser", "udp/1434", iana},
	{"oracle", "Oracle listener", "tcp/1521", "Oracle Database Net Services Administrator's Guide"},
	{"db2", "Db2", "tcp/50000", "IBM Db2 documentation"},
	{"mongodb", "MongoDB", "tcp/27017", iana},
	{"redis", "Redis", "tcp/6379", iana},
	{"memcached", "memcached", "tcp/11211", iana},
	{"elasticsearch", "Elasticsearch", "tcp/9200", "Elasticsearch reference"},
	{"cassandra", "Cassandra clients", "tcp/9042", "Apache Cassandra documentation"},
	{"couchdb", "CouchDB", "tcp/5984", iana},

	{"snmp", "device monitoring", "udp/161", iana + "; RFC 3417"},
	{"snmptrap", "messages of devices", "udp/162", iana + "; RFC 3417"},
	{"syslog", "log messages", "udp/514", iana + "; RFC 5426"},
	{"syslog-tls", "log messages over TLS", "tcp/6514", iana + "; RFC 5425"},
	{"ipfix", "flow records", "udp/4739 tcp/4739", iana + "; RFC 7011"},
	{"netflow", "flow records, Cisco's usual port", "udp/2055", iana + " (iop)"},
	{"zabbix-agent", "Zabbix agent", "tcp/10050", iana},
	{"zabbix-trapper", "Zabbix server", "tcp/10051", iana},
	{"nrpe", "Nagios remote plugins", "tcp/5666", iana},
	{"node-exporter", "Prometheus node exporter", "tcp/9100", "Prometheus: default port allocations"},
	{"prometheus", "Prometheus", "tcp/9090", "Prometheus documentation"},
	{"grafana", "Grafana", "tcp/3000", "Grafana documentation"},

	{"nfs", "network file system, version 4", "tcp/2049", iana + "; RFC 7530"},
	{"sunrpc", "port mapper", "tcp/111 udp/111", iana + "; RFC 1833"},
	{"iscsi", "disks over the network", "tcp/3260", iana + "; RFC 7143"},
	{"afp", "Apple file sharing", "tcp/548", iana},
	{"ipp", "printing", "tcp/631", iana + "; RFC 8011"},
	{"printer", "line printer", "tcp/515", iana + "; RFC 1179"},
	{"pdl-datastream", "printing, raw", "tcp/9100", iana},

	{"sip", "telephony signalling", "udp/5060 tcp/5060", iana + "; RFC 3261"},
	{"sips", "telephony signalling over TLS", "tcp/5061", iana + "; RFC 3261"},
	{"stun", "NAT discovery", "udp/3478 tcp/3478", iana + "; RFC 8489"},
	{"rtsp", "media control", "tcp/554", iana + "; RFC 7826"},
	{"h323", "H.323 calls", "tcp/1720", iana},
	{"xmpp-client", "messaging", "tcp/5222", iana + "; RFC 6120"},
	{"xmpp-server", "messaging between servers", "tcp/5269", iana + "; RFC 6120"},
	{"irc", "chat", "tcp/6667", iana + " (ircu)"},
	{"mqtt", "messages of things", "tcp/1883", iana},
	{"secure-mqtt", "messages of things over TLS", "tcp/8883", iana},
	{"amqp", "message queue", "tcp/5672", iana},
	{"amqps", "message queue over TLS", "tcp/5671", iana},
	{"kafka", "Kafka", "tcp/9092", "Apache Kafka documentation"},

	{"wireguard", "WireGuard's usual port", "udp/51820", "WireGuard quick start"},
	{"openvpn", "OpenVPN", "udp/1194 tcp/1194", iana},
	{"l2tp", "layer 2 tunnel", "udp/1701", iana + "; RFC 2661"},
	{"pptp", "point-to-point tunnel, control", "tcp/1723", iana + "; RFC 2637"},
	{"vxlan", "VXLAN", "udp/4789", iana + "; RFC 7348"},
	{"bgp", "BGP routing", "tcp/179", iana + "; RFC 4271"},
	{"bfd", "forwarding detection", "udp/3784-3785", iana + "; RFC 5881"},
	{"rip", "RIP routing", "udp/520", iana + "; RFC 2453"},
	{"hsrp", "Cisco standby routing", "udp/1985", iana + "; RFC 2281"},

	{"docker-s", "Docker over TLS", "tcp/2376", iana},
	{"kubernetes-api", "Kubernetes API", "tcp/6443", "Kubernetes: ports and protocols"},
	{"kubelet", "Kubernetes node agent", "tcp/10250", "Kubernetes: ports and protocols"},
	{"etcd", "etcd clients and peers", "tcp/2379-2380", iana + " (etcd-client, etcd-server)"},
	{"consul", "Consul API", "tcp/8500", "Consul: required ports"},
	{"vault", "Vault API", "tcp/8200", "Vault documentation"},
	{"vnc", "remote screen", "tcp/5900", iana + " (rfb); RFC 6143"},
	{"x11", "X displays", "tcp/6000-6063", iana},
	{"socks", "SOCKS proxy", "tcp/1080", iana + "; RFC 1928"},
	{"squid", "web proxy's usual port", "tcp/3128", "Squid documentation"},
	{"cvmfs-web-cache", "web cache peers", "udp/3130", iana + " (icpv2); RFC 2186"},
}

// Builtins returns the services every site knows, by name.
var Builtins = sync.OnceValue(func() map[string]*policy.Service {
	out := map[string]*policy.Service{}
	for _, b := range builtins {
		s := &policy.Service{Name: b.name, Title: b.title, Source: b.source}
		for _, word := range strings.Fields(b.matches) {
			m, err := parseMatch(word)
			if err != nil {
				panic(fmt.Sprintf("site: built-in service %s: %v", b.name, err))
			}
			s.Matches = append(s.Matches, m)
		}
		out[b.name] = s
	}
	return out
})

// BuiltinNames lists them sorted.
func BuiltinNames() []string {
	var out []string
	for name := range Builtins() {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}
