#!/bin/bash
# Claim: slapd, MariaDB, unbound (DNS over UDP and TCP), prosody (XMPP, as text), Redis (as text), a
#        host that answers ping, and scripts are judged rightly in both families: whole, with a
#        wrong answer, stopped, hung, silent, and with an expired certificate; in the right words
#        and within the bound.
#
#   lb (checks) ---- s0: slapd, mariadbd, unbound, prosody, redis-server of Debian
#
# Needs: root. Time: about 30 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
. "$(dirname "$0")/matrix.sh"

VERIFIED="sni = \"$MAIL_NAME\"; ca_file = \"$TLS/ca.pem\";"
EXPIRED="expired=tls: certificate expired"
PASSWORD="password_file = \"$WORK/password\";"
(umask 077 && echo "$PROBE_PASSWORD" >"$WORK/password")

ENTRY='base = "dc=example,dc=com"; filter = "(uid=probe)";'
check_row ldap slapd 389 "type = \"ldap\"; $ENTRY" "wrong=*found nothing*"
check_row ldap-bind slapd 389 \
	"type = \"ldap\"; user = \"uid=probe,dc=example,dc=com\"; $PASSWORD" "wrong=*bind*"
check_row ldaps slapd 636 "type = \"ldap\"; tls = \"implicit\"; $VERIFIED $ENTRY" \
	"wrong=*found nothing*" "$EXPIRED"

USER="user = \"probe\"; $PASSWORD"
check_row mysql mariadb 3306 "type = \"mysql\"; $USER"
check_row mysql-query mariadb 3306 \
	"type = \"mysql\"; $USER database = \"probe\"; query = \"SELECT id FROM alive\";" \
	"wrong=*no row*"

check_row dns unbound 53 "type = \"dns\"; name = \"$MAIL_NAME\";" "wrong=dns: NXDOMAIN" \
	"stopped=*refused*" "silent=*timed out*"
check_row dns-aaaa unbound 53 "type = \"dns\"; name = \"$MAIL_NAME\"; record = \"AAAA\";" \
	"wrong=dns: NXDOMAIN" "stopped=*refused*" "silent=*timed out*"
check_row dns-tcp unbound 53 "type = \"dns\"; name = \"$MAIL_NAME\"; transport = \"tcp\";" \
	"wrong=dns: NXDOMAIN" "stopped=*refused*" "silent=*timed out*"
# The query for mail.example.com, as a datagram; an answer with an address ends in it (192.0.2.80).
QUERY='\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00'
QUERY+='\x04mail\x07example\x03com\x00\x00\x01\x00\x01'
check_row udp unbound 53 \
	"type = \"udp\"; send = \"$QUERY\"; receive = \"\\\\xc0\\\\x00\\\\x02\\\\x50\$\";" \
	"wrong=*" "stopped=*refused*" "silent=*timed out*"

STREAM="<stream:stream to='$MAIL_NAME' version='1.0' xmlns='jabber:client'"
STREAM+=" xmlns:stream='http://etherx.jabber.org/streams'>"
HELLO="steps = ({ send = \"$STREAM\"; }, { expect = \"<stream:features>\"; },
	{ send = \"</stream:stream>\"; });"
check_row xmpp prosody 5222 "type = \"text\"; $HELLO"
check_row xmpp-elsewhere prosody 5222 "type = \"text\"; ${HELLO//$MAIL_NAME/example.org}" \
	"up=*" "wrong=*" "expired=*"
check_row xmpps prosody 5223 "type = \"text\"; tls = \"implicit\"; $VERIFIED $HELLO" "$EXPIRED"

PING='steps = ({ send = "PING\r\n"; }, { expect = "^\\+PONG"; });'
check_row redis redis 6379 "type = \"text\"; $PING" "wrong=*"
check_row rediss redis 6380 "type = \"text\"; tls = \"implicit\"; $VERIFIED $PING" \
	"wrong=*" "$EXPIRED"

check_row ping - 7 'type = "ping";' "stopped=up" "hung=up" "silent=*timed out*"

# A script that asks Redis, as somebody may write it: PING over bash's own TCP.
cat >"$WORK/ask-redis" <<'END'
#!/bin/bash
exec 3<>"/dev/tcp/$POISE_ADDRESS/$POISE_PORT" || exit 1
printf 'PING\r\n' >&3
read -r answer <&3
[ "${answer%$'\r'}" = +PONG ] && exit "${1:-0}"
exit 1
END
chmod 755 "$WORK/ask-redis"
check_row script redis 6379 "type = \"script\"; command = \"$WORK/ask-redis\";" \
	"stopped=script: exit 1*" "wrong=script: exit 1" "silent=script: timed out*"
check_row script-weight redis 6379 \
	"type = \"script\"; command = \"$WORK/ask-redis 52\"; dynamic_weight = true;" \
	"stopped=script: exit 1*" "wrong=script: exit 1" "silent=script: timed out*"

run_matrix
weights() {
	poise -j show servers | jq -c '[.servers[] | select(.service == "script-weight") | .weight]'
}
check_equal "the weight that the script gave" "$(weights)" "[50,50]"
