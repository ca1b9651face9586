#!/bin/bash
# Claim: the server's port may differ from the service's, by server or by service (to_port), two
#        servers may share an address, and a port range keeps each packet's own port.
#
#   client --- 80 ---> lb ---> s0:8080 and s0:8081
#          --- 443 -->    ---> s1:8443
#          --- 2000-2003 ->    s1:2000-2003
#
# Needs: root. Time: about 4 s.
. "$(dirname "$0")/lib.sh"

topology 2
serve 0 --tcp 8080,8081
serve 1 --tcp 8443,2000,2001,2002,2003
write_config <<END
pools = {
  two = { servers = {
    a = { address = ["$(server4 0)", "$(server6 0)"]; port = 8080; };
    b = { address = ["$(server4 0)", "$(server6 0)"]; port = 8081; };
  }; };
  one = { servers = { c = { address = ["$(server4 1)", "$(server6 1)"]; }; }; };
};
services = {
  web = { vip = "v"; pool = "two"; port = 80; };
  tls = { vip = "v"; pool = "one"; port = 443; to_port = 8443; };
  many = { vip = "v"; pool = "one"; port = "2000-2003"; };
};
END
start_lb

for vip in "${VIPS[@]}"; do
	connects "port of the server" "$vip" 80 40
	connects "to_port" "$vip" 443 10
	for port in 2000 2003; do connects "range" "$vip" "$port" 5; done
done
reached() { grep -c "^tcp $2 " "$ART/s$1.log" || true; }
check_equal "s0:8080 got" "$(reached 0 8080)" 40
check_equal "s0:8081 got" "$(reached 0 8081)" 40
check_equal "s1:8443 got" "$(reached 1 8443)" 20
check_equal "s1:2000 got" "$(reached 1 2000)" 10
check_equal "s1:2001 got" "$(reached 1 2001)" 0
check_equal "s1:2003 got" "$(reached 1 2003)" 10
check_equal "server a counts" "$(opened a)" 40
