/* Protocol state as a table: state x event -> state. RFC 9293 §3.3.2 seen from the middle.
 *
 * A handshake counts as complete only when the client acknowledges a SYN-ACK that the server
 * has sent: a client's ACK alone (a flood without a listener's answer) leaves the entry half
 * open. Who closes first decides whose last ACK is awaited. Every cell is written out; the
 * tests compare each with the rules in words. */
#include "dataplane/l4state.h"

#include "conf/model.h"

enum { NONE = DP_L4_EV_NONE, SYN = DP_L4_EV_SYN, SYA = DP_L4_EV_SYN_ACK, ACK = DP_L4_EV_ACK };
enum { FIN = DP_L4_EV_FIN, RST = DP_L4_EV_RST };

/* Index: FIN 1, SYN 2, RST 4, PSH 8 (ignored), ACK 16. */
const uint8_t dp_l4state_kinds[32] = {
	[0x00] = NONE,
	[0x08] = NONE,
	[0x10] = ACK,
	[0x18] = ACK,
	[0x01] = FIN,
	[0x09] = FIN,
	[0x11] = FIN,
	[0x19] = FIN,
	[0x02] = SYN,
	[0x0a] = SYN,
	[0x12] = SYA,
	[0x1a] = SYA,
	[0x03] = SYN,
	[0x0b] = SYN,
	[0x13] = SYA,
	[0x1b] = SYA,
	[0x04] = RST,
	[0x05] = RST,
	[0x06] = RST,
	[0x07] = RST,
	[0x0c] = RST,
	[0x0d] = RST,
	[0x0e] = RST,
	[0x0f] = RST,
	[0x14] = RST,
	[0x15] = RST,
	[0x16] = RST,
	[0x17] = RST,
	[0x1c] = RST,
	[0x1d] = RST,
	[0x1e] = RST,
	[0x1f] = RST,
};

// clang-format off
enum {
	S0 = DP_L4_FREE, S1 = DP_L4_SYN, S2 = DP_L4_SYN_ACK, ES = DP_L4_ESTABLISHED,
	FC = DP_L4_FIN_CLIENT, FS = DP_L4_FIN_SERVER, LC = DP_L4_LAST_ACK_CLIENT,
	LS = DP_L4_LAST_ACK_SERVER, TW = DP_L4_TIME_WAIT, CL = DP_L4_CLOSE,
	U1 = DP_L4_UDP_UNANSWERED, U2 = DP_L4_UDP,
};

const uint8_t dp_l4state_next[DP_L4_N_STATES][DP_L4_EV_N] = {
	/*                        client: - SYN SYA ACK FIN RST  server: - SYN SYA ACK FIN RST */
	[DP_L4_FREE]            = {       S0, S0, S0, S0, S0, S0,        S0, S0, S0, S0, S0, S0 },
	[DP_L4_SYN]             = {       S1, S1, S1, S1, S1, CL,        S1, S1, S2, S1, CL, CL },
	[DP_L4_SYN_ACK]         = {       S2, S2, S2, ES, FC, CL,        S2, S2, S2, S2, FS, CL },
	[DP_L4_ESTABLISHED]     = {       ES, ES, ES, ES, FC, CL,        ES, ES, ES, ES, FS, CL },
	[DP_L4_FIN_CLIENT]      = {       FC, FC, FC, FC, FC, CL,        FC, FC, FC, FC, LC, CL },
	[DP_L4_FIN_SERVER]      = {       FS, FS, FS, FS, LS, CL,        FS, FS, FS, FS, FS, CL },
	[DP_L4_LAST_ACK_CLIENT] = {       LC, LC, LC, TW, LC, CL,        LC, LC, LC, LC, LC, CL },
	[DP_L4_LAST_ACK_SERVER] = {       LS, LS, LS, LS, LS, CL,        LS, LS, LS, TW, LS, CL },
	[DP_L4_TIME_WAIT]       = {       TW, TW, TW, TW, TW, CL,        TW, TW, TW, TW, TW, CL },
	[DP_L4_CLOSE]           = {       CL, CL, CL, CL, CL, CL,        CL, CL, CL, CL, CL, CL },
	[DP_L4_UDP_UNANSWERED]  = {       U1, U1, U1, U1, U1, U1,        U2, U2, U2, U2, U2, U2 },
	[DP_L4_UDP]             = {       U2, U2, U2, U2, U2, U2,        U2, U2, U2, U2, U2, U2 },
};
// clang-format on

static const char *const names[DP_L4_N_STATES] = {
	[DP_L4_FREE] = "NONE",
	[DP_L4_SYN] = "SYN_RECV",
	[DP_L4_SYN_ACK] = "SYN_RECV",
	[DP_L4_ESTABLISHED] = "ESTABLISHED",
	[DP_L4_FIN_CLIENT] = "FIN_WAIT",
	[DP_L4_FIN_SERVER] = "FIN_WAIT",
	[DP_L4_LAST_ACK_CLIENT] = "LAST_ACK",
	[DP_L4_LAST_ACK_SERVER] = "LAST_ACK",
	[DP_L4_TIME_WAIT] = "TIME_WAIT",
	[DP_L4_CLOSE] = "CLOSE",
	[DP_L4_UDP_UNANSWERED] = "UDP_UNANSWERED",
	[DP_L4_UDP] = "UDP",
};

const char *dp_l4state_name(enum dp_l4_state state)
{
	return state < DP_L4_N_STATES ? names[state] : "INVALID";
}

void dp_l4state_timeouts(const struct conf_timeouts *conf, uint32_t *ret_timeouts_ms)
{
	ret_timeouts_ms[DP_L4_FREE] = 0;
	ret_timeouts_ms[DP_L4_SYN] = conf->syn_received_ms;
	ret_timeouts_ms[DP_L4_SYN_ACK] = conf->syn_received_ms;
	ret_timeouts_ms[DP_L4_ESTABLISHED] = conf->established_ms;
	ret_timeouts_ms[DP_L4_FIN_CLIENT] = conf->fin_wait_ms;
	ret_timeouts_ms[DP_L4_FIN_SERVER] = conf->fin_wait_ms;
	ret_timeouts_ms[DP_L4_LAST_ACK_CLIENT] = conf->last_ack_ms;
	ret_timeouts_ms[DP_L4_LAST_ACK_SERVER] = conf->last_ack_ms;
	ret_timeouts_ms[DP_L4_TIME_WAIT] = conf->time_wait_ms;
	ret_timeouts_ms[DP_L4_CLOSE] = conf->close_ms;
	ret_timeouts_ms[DP_L4_UDP_UNANSWERED] = conf->udp_unanswered_ms;
	ret_timeouts_ms[DP_L4_UDP] = conf->udp_ms;
}
