/* A filter's way: libpcap compiles the text to classic BPF, DPDK converts that to its own and
 * translates it to machine code. */
#define ALLOW_EXPERIMENTAL_API // rte_bpf_convert(): what it does has not changed since 21.11
#include "dataplane/filter.h"

#include <errno.h>
#include <stdio.h>

#include <pcap/pcap.h>
#include <rte_errno.h>
#include <rte_malloc.h>

enum { WHOLE_PACKET = 262144 };

/* Two faults of DPDK 22.11. Its conversion forgets the index of some loads, as in
 * "tcp[tcpflags]": put in. And it translates a test of bits against a number of one byte to an
 * instruction that takes four, so that garbage follows: such a program is interpreted. */
enum { INDEX_REGISTER = EBPF_REG_7 }; // where the conversion keeps it

static void mend(struct ebpf_insn *program, uint32_t n, bool *ret_can_be_translated)
{
	bool can_be_translated = true;

	for (uint32_t i = 0; i < n; i++) {
		struct ebpf_insn *in = &program[i];

		if (BPF_CLASS(in->code) == BPF_LD && BPF_MODE(in->code) == BPF_IND)
			in->src_reg = INDEX_REGISTER;
		if (in->code == (BPF_JMP | BPF_JSET | BPF_K) && in->imm == (int8_t)in->imm)
			can_be_translated = false;
	}
	*ret_can_be_translated = can_be_translated;
}

static int load(struct dp_filter *f, const struct bpf_program *program)
{
	struct rte_bpf_prm *prm = rte_bpf_convert(program);
	struct rte_bpf_jit jit = {.func = NULL};
	bool may_run = false;

	if (!prm)
		return -rte_errno;
	mend((struct ebpf_insn *)prm->ins, prm->nb_ins, &may_run); // in memory of the conversion's
	f->bpf = rte_bpf_load(prm);
	rte_free(prm);
	if (!f->bpf)
		return -rte_errno;
	if (may_run && rte_bpf_get_jit(f->bpf, &jit) == 0)
		f->run = jit.func;
	return 0;
}

int dp_filter_init(struct dp_filter *f, const char *text, char *why, size_t why_size)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, WHOLE_PACKET);
	struct bpf_program program;
	int r;

	*f = (struct dp_filter){.bpf = NULL};
	if (!pcap)
		return -ENOMEM;
	if (pcap_compile(pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN) < 0) {
		(void)snprintf(why, why_size, "%s", pcap_geterr(pcap));
		pcap_close(pcap);
		return -EINVAL;
	}
	r = load(f, &program);
	if (r < 0)
		(void)snprintf(why, why_size, "too much for the data plane: %s", rte_strerror(-r));
	pcap_freecode(&program);
	pcap_close(pcap);
	return r == -ENOMEM ? r : r < 0 ? -EINVAL : 0;
}

void dp_filter_fini(struct dp_filter *f)
{
	if (f->bpf)
		rte_bpf_destroy(f->bpf);
	*f = (struct dp_filter){.bpf = NULL};
}
