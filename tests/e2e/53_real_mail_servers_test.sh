#!/bin/bash
# Claim: nginx, postfix and dovecot are judged rightly over http(s), smtp(s), submission with
#        STARTTLS, imap(s) and pop3(s), in both families: whole, with a wrong answer, stopped, hung,
#        silent, and with an expired certificate; in the right words and within the bound.
#
#   lb (checks) ---- s0: nginx, postfix, dovecot of Debian
#
# Needs: root. Time: about 25 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
. "$(dirname "$0")/matrix.sh"

VERIFIED="sni = \"$MAIL_NAME\"; ca_file = \"$TLS/ca.pem\";"
UNVERIFIED='tls = "implicit"; verify = false;'
LOGIN="user = \"probe\"; password_file = \"$WORK/password\";"
EXPIRED="expired=tls: certificate expired"
(umask 077 && echo "$PROBE_PASSWORD" >"$WORK/password")

check_row tcp nginx 80 'type = "tcp";' "hung=up"
STATUS="wrong=http: status 503, expected 200-299"
check_row http nginx 80 'type = "http"; body = "^s0 is well";' "$STATUS" \
	"hung=answer: timed out*"
check_row https nginx 443 "type = \"http\"; tls = \"implicit\"; $VERIFIED" "$STATUS" \
	"hung=tls: timed out*" "$EXPIRED"
check_row https-any nginx 443 "type = \"http\"; $UNVERIFIED" "$STATUS" "hung=tls: timed out*"

TURNED_AWAY="wrong=smtp: got 421, expected 220"
HELO='type = "smtp"; helo = "lb.example.com";'
check_row smtp postfix 25 "$HELO" "$TURNED_AWAY" "hung=greeting: timed out*"
check_row submission postfix 587 "$HELO tls = \"starttls\"; $VERIFIED" "$TURNED_AWAY" \
	"hung=greeting: timed out*" "$EXPIRED"
check_row smtps postfix 465 "$HELO tls = \"implicit\"; $VERIFIED" "$TURNED_AWAY" \
	"hung=tls: timed out*" "$EXPIRED"
check_row smtps-any postfix 465 "$HELO $UNVERIFIED" "$TURNED_AWAY" "hung=tls: timed out*"

for kind in imap pop3; do
	[ $kind = imap ] && port=143 tls_port=993 || port=110 tls_port=995
	check_row $kind dovecot "$port" "type = \"$kind\";" "hung=greeting: timed out*"
	check_row $kind-login dovecot "$port" "type = \"$kind\"; $LOGIN" \
		"hung=greeting: timed out*" "wrong=$kind: *: got *"
	check_row $kind-starttls dovecot "$port" \
		"type = \"$kind\"; tls = \"starttls\"; $VERIFIED $LOGIN" \
		"hung=greeting: timed out*" "wrong=$kind: *: got *" "$EXPIRED"
	check_row ${kind}s dovecot "$tls_port" \
		"type = \"$kind\"; tls = \"implicit\"; $VERIFIED" "hung=tls: timed out*" "$EXPIRED"
	check_row ${kind}s-any dovecot "$tls_port" "type = \"$kind\"; $UNVERIFIED" \
		"hung=tls: timed out*"
done

run_matrix
