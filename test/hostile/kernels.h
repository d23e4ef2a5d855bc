// Hostile kernels: a row each. The codes are those of NVIDIA's driver 580 on an H200 where it is as strict. `body` goes into a kernel that has %q0 = a target of 200 bytes, %q1 = an address that was freed,
// %q2 = an address of the process's own heap, %r0 = tid.x, %r1 = laneid, %r2 = 0, %q3 = 0 and registers %p<8> %h<8> %r<40> %q<40>.
#pragma once

struct HostileKernel {
  const char* name;
  int wanted;                       // CUresult here
  const char* body;
  const char* module = "";          // text before the kernel
  unsigned threads[3] = {32, 1, 1};
  unsigned blocks = 1, shared = 0;
  bool endless = false;             // runs until it is stopped: `wanted` is what cuStreamQuery says meanwhile (600 NOT_READY)
  const char* target = nullptr;     // other than sm_75
  bool kills_compiler = false;      // NVIDIA's (580.159.04 on an H200, natively too: it is the end of the process that loads it)
};

enum { kOk = 0, kInvalid = 1, kMemory = 2, kBadPtx = 218, kNotReady = 600, kIllegalAddress = 700, kIllegalInstruction = 715, kMisaligned = 716, kFailed = 719 };

#define SHARED ".shared .align 16 .b8 s[256];\n"
#define LOCAL ".local .align 16 .b8 loc[64];\n"
#define DYNAMIC ".extern .shared .align 16 .b8 dyn[];\n"
#define PRINTF "{ .param .b32 pr; .param .b64 pf, pa; st.param.b64 [pf], %q10; st.param.b64 [pa], %q11; call (pr), vprintf, (pf, pa); }\n"
#define MALLOC "{ .param .b64 pr, pn; st.param.b64 [pn], %q10; call (pr), malloc, (pn); ld.param.b64 %q11, [pr]; }\n"
#define FREE "{ .param .b64 pp; st.param.b64 [pp], %q10; call free, (pp); }\n"
#define DIVERGE "setp.lt.u32 %p1, %r1, 16;\n@%p1 bra OTHER;\n"

static const HostileKernel kHostileKernels[] = {
    // global memory
    {"store_null", kIllegalAddress, "st.global.u32 [%q3], 1;"},
    {"store_low", kIllegalAddress, "st.global.u32 [%q3+4096], 1;"},
    {"store_top", kIllegalAddress, "st.global.u32 [%q3+-4], 1;"},
    {"store_vector_top", kIllegalAddress, "st.global.v4.u32 [%q3+-16], {%r2, %r2, %r2, %r2};"},
    {"load_sign_bit", kIllegalAddress, "mov.u64 %q4, 0x8000000000000000; ld.u32 %r3, [%q4]; st.global.u32 [%q0], %r3;"},
    {"load_hole", kIllegalAddress, "mov.u64 %q4, 0x7fff00000000; ld.global.u64 %q5, [%q4]; st.global.u64 [%q0], %q5;"},
    {"store_before", kIllegalAddress, "st.global.u8 [%q0+-1], 1;"},
    {"store_after", kIllegalAddress, "st.global.u8 [%q0+200], 1;"},
    {"store_half_across_end", kIllegalAddress, "st.global.v4.u32 [%q0+192], {%r2, %r2, %r2, %r2};"},
    {"load_across_end", kIllegalAddress, "ld.global.v2.u64 {%q4, %q5}, [%q0+192]; st.global.u64 [%q0], %q4;"},
    {"rows_across_end", kIllegalAddress, "mul.wide.u32 %q4, %r0, 8; add.u64 %q4, %q0, %q4; st.global.u64 [%q4], %q3;"},
    {"last_lane_outside", kIllegalAddress, "setp.eq.u32 %p1, %r1, 31; selp.b64 %q4, -64, %q0, %p1; st.global.u32 [%q4], 1;"},
    {"huge_stride", kIllegalAddress, "mul.wide.u32 %q4, %r0, 0x7fffff00; shl.b64 %q4, %q4, 4; add.u64 %q4, %q0, %q4; st.global.u32 [%q4], 1;"},
    {"offset_overflows", kIllegalAddress, "mov.u64 %q4, 0xffffffffffffff80; ld.global.u32 %r3, [%q4+0x100]; st.global.u32 [%q0], %r3;"},
    {"use_after_free", kIllegalAddress, "st.global.u32 [%q1+64], 1;"},
    {"host_heap_store", kIllegalAddress, "st.u32 [%q2], 1;"},
    {"host_heap_atomic", kIllegalAddress, "atom.add.u32 %r3, [%q2], 1;"},
    {"misaligned_16", kMisaligned, "st.global.u16 [%q0+1], %h0;"},
    {"misaligned_32", kMisaligned, "ld.global.u32 %r3, [%q0+2]; st.global.u32 [%q0], %r3;"},
    {"misaligned_64", kMisaligned, "st.global.u64 [%q0+4], %q3;"},
    {"misaligned_vector", kMisaligned, "ld.global.v4.u32 {%r3, %r4, %r5, %r6}, [%q0+8]; st.global.u32 [%q0], %r3;"},
    {"misaligned_atomic", kMisaligned, "atom.global.add.u64 %q4, [%q0+4], 1;"},
    {"atomic_null", kIllegalAddress, "atom.global.add.u32 %r3, [%q3], 1;"},
    {"atomic_after", kIllegalAddress, "atom.global.cas.b64 %q4, [%q0+200], 0, 1;"},
    {"reduction_far", kIllegalAddress, "red.global.add.f32 [%q3+0x7ffffffc], 0f3f800000;"},
    {"cas_16_outside", kIllegalAddress, "atom.global.cas.b16 %h1, [%q0+200], %h0, %h0;"},
    {"prefetch_anywhere", kOk, "prefetch.global.L2 [%q3+64];", "", {32, 1, 1}, 1, 0, false, nullptr, true},
    // shared memory
    {"shared_after", kIllegalAddress, "mov.u32 %r3, s; st.shared.u32 [%r3+0x40000], 1;", SHARED},
    {"shared_one_after", kIllegalAddress, "mov.u32 %r3, s; add.u32 %r3, %r3, 256; st.shared.u8 [%r3], 1;", SHARED},
    {"shared_negative", kIllegalAddress, "st.shared.u32 [%r2+-4], 1; ld.shared.u32 %r3, [s]; st.global.u32 [%q0], %r3;", SHARED},
    {"shared_vector_across_end", kIllegalAddress, "mov.u32 %r3, s; st.shared.v4.u32 [%r3+256], {%r2, %r2, %r2, %r2};", SHARED},
    {"shared_misaligned", kMisaligned, "st.shared.u64 [s+4], %q3; ld.shared.u32 %r3, [s]; st.global.u32 [%q0], %r3;", SHARED},
    {"shared_beyond_dynamic", kIllegalAddress, "mov.u32 %r3, dyn; st.shared.u32 [%r3+1024], 1;", DYNAMIC, {32, 1, 1}, 1, 1024},
    {"shared_atomic_outside", kIllegalAddress, "mov.u32 %r3, s; atom.shared.add.u32 %r4, [%r3+0x100000], 1;", SHARED},
    {"shared_64_bit_address", kIllegalAddress, "mov.u64 %q4, 0x100000000; st.shared.u32 [%q4], 1; ld.shared.u32 %r3, [s]; st.global.u32 [%q0], %r3;", SHARED},
    {"shared_window_after", kIllegalAddress, "mov.u64 %q4, s; cvta.shared.u64 %q4, %q4; st.u32 [%q4+0x100000], 1;", SHARED},
    {"shared_window_before", kIllegalAddress, "cvta.shared.u64 %q4, %q3; st.u32 [%q4+-4], 1; ld.shared.u32 %r3, [s]; st.global.u32 [%q0], %r3;", SHARED},
    // local memory
    {"local_after", kIllegalAddress, LOCAL "mov.u64 %q4, loc; st.local.u32 [%q4+0x100000], 1; ld.local.u32 %r3, [%q4]; st.global.u32 [%q0], %r3;"},
    {"local_negative", kIllegalAddress, LOCAL "mov.u64 %q4, loc; add.u64 %q4, %q4, -0x10000; st.local.u32 [%q4], 1; ld.local.u32 %r3, [%q4]; st.global.u32 [%q0], %r3;"},
    {"local_misaligned", kMisaligned, LOCAL "mov.u64 %q4, loc; cvt.u64.u32 %q5, %r1; and.b64 %q5, %q5, 0; add.u64 %q4, %q4, %q5; st.local.u32 [%q4+2], 1; ld.local.u32 %r3, [%q4]; st.global.u32 [%q0], %r3;"},
    {"local_window_after", kIllegalAddress, LOCAL "mov.u64 %q4, loc; cvta.local.u64 %q4, %q4; st.u32 [%q4+0x1000000], 1;"},
    {"local_frame_too_large", kBadPtx, ".local .b8 big[0x10000000]; st.local.u32 [big+4], 1;"},
    // constants, parameters, code
    {"const_far", kIllegalAddress, "mov.u64 %q4, c; ld.const.u32 %r3, [%q4+0x1000000]; st.global.u32 [%q0], %r3;", ".const .b32 c[4] = {1, 2, 3, 4};\n"},
    {"const_window_store", kOk, "mov.u64 %q4, c; cvta.const.u64 %q4, %q4; st.u32 [%q4], 9; ld.const.u32 %r3, [c]; st.global.u32 [%q0], %r3;", ".const .b32 c[4] = {1, 2, 3, 4};\n"},
    {"parameter_window_store", kOk, "mov.u64 %q4, target; cvta.param.u64 %q4, %q4; st.u32 [%q4], 9;", "", {32, 1, 1}, 1, 0, false, "sm_80"},
    {"parameter_window_far", kIllegalAddress, "mov.u64 %q4, target; cvta.param.u64 %q4, %q4; ld.u32 %r3, [%q4+0x100000]; st.global.u32 [%q0], %r3;", "", {32, 1, 1}, 1, 0, false, "sm_80"},
    {"code_store", kIllegalAddress, "mov.u64 %q4, f; st.u32 [%q4], 0;", ".func f() { ret; }\n"},
    // control flow
    {"call_null", kIllegalAddress, "P: .callprototype _ (); call %q3, (), P;"},
    {"call_data", kIllegalAddress, "P: .callprototype _ (); call %q0, (), P;"},
    {"call_heap", kIllegalAddress, "P: .callprototype _ (); call %q2, (), P;"},
    {"recursion_without_end", kIllegalAddress, "{ .param .b32 pr, px; st.param.b32 [px], %r1; call (pr), f, (px); ld.param.b32 %r3, [pr]; st.global.u32 [%q0], %r3; }",
     ".func (.param .b32 r) f (.param .b32 x) { .reg .b32 %a, %b; .local .b32 keep[8]; .reg .b64 %l; ld.param.b32 %a, [x]; mov.u64 %l, keep; st.local.u32 [%l], %a; { .param .b32 pr, px; add.u32 %a, %a, 1; st.param.b32 [px], %a; call (pr), f, (px); ld.param.b32 %b, [pr]; } ld.local.u32 %a, [%l]; add.u32 %b, %b, %a; st.param.b32 [r], %b; ret; }\n"},
    {"callee_of_other_signature", kOk, "mov.u64 %q4, f; P: .callprototype (.param .b64 _) _ (.param .b64 _, .param .b64 _, .param .align 8 .b8 _[64]); { .param .b64 pr, pa, pb; .param .align 8 .b8 pc[64]; st.param.b64 [pa], %q0; st.param.b64 [pb], 7; st.param.b64 [pc+56], 9; call (pr), %q4, (pa, pb, pc), P; }",
     ".func f (.param .b32 x) { .reg .b32 %a; ld.param.b32 %a, [x]; ret; }\n"},
    {"branch_index_outside", kIllegalInstruction, "T: .branchtargets A, B; mov.u32 %r3, 0x7fffff; add.u32 %r3, %r3, %r1; brx.idx %r3, T; A: st.global.u32 [%q0], 1; B:"},
    {"trap", kFailed, "trap;"},
    {"exits_before_barrier", kOk, "setp.lt.u32 %p1, %r0, 40; @%p1 exit; bar.sync 0;", "", {96, 1, 1}},
    {"divergent_barriers", kFailed, DIVERGE "bar.sync 1;\nbra END;\nOTHER: bar.sync 2;\nEND:", "", {64, 1, 1}},
    {"barrier_for_more_than_there_are", kFailed, "bar.sync 0, 1024;", "", {64, 1, 1}},
    {"barrier_number_outside", kOk, "add.u32 %r3, %r2, 77; barrier.sync %r3;", "", {64, 1, 1}},
    {"barrier_count_odd", kIllegalInstruction, "add.u32 %r3, %r2, 33; barrier.sync 0, %r3;", "", {64, 1, 1}},
    {"loop_without_end", kNotReady, "L: bra L;", "", {32, 1, 1}, 4, 0, true},
    {"spin_without_end", kNotReady, "L: ld.volatile.global.u32 %r3, [%q0]; setp.eq.u32 %p1, %r3, 0; @%p1 bra L;", "", {64, 1, 1}, 4, 0, true},
    {"sleep_without_end", kNotReady, "L: nanosleep.u32 1000; bra L;", "", {32, 1, 1}, 1, 0, true},
    {"barriers_without_end", kNotReady, "L: bar.sync 0; bra L;", "", {64, 1, 1}, 1, 0, true},
    {"print_without_end", kNotReady, "mov.u64 %q10, m; cvta.global.u64 %q10, %q10; mov.u64 %q11, 0; L: " PRINTF "bra L;", ".global .b8 m[2] = {46, 0};\n", {1, 1, 1}, 1, 0, true},
    {"calls_without_end", kNotReady, "L: call f; bra L;", ".func f() { ret; }\n", {32, 1, 1}, 1, 0, true},
    // printf, malloc
    {"print_wild_format", kIllegalAddress, "mov.u64 %q10, 0x123456789000; mov.u64 %q11, 0; " PRINTF},
    {"print_wild_string", kIllegalAddress, LOCAL "mov.u64 %q10, m; cvta.global.u64 %q10, %q10; mov.u64 %q4, 0x123456789000; st.local.u64 [loc], %q4; mov.u64 %q11, loc; cvta.local.u64 %q11, %q11; " PRINTF, ".global .b8 m[8] = {91, 37, 115, 93, 10, 0};\n"},
    {"print_n", kOk, LOCAL "mov.u64 %q10, m; cvta.global.u64 %q10, %q10; st.local.u64 [loc], %q2; mov.u64 %q11, loc; cvta.local.u64 %q11, %q11; " PRINTF, ".global .b8 m[8] = {91, 37, 110, 93, 10, 0};\n"},
    {"print_without_arguments", kIllegalAddress, "mov.u64 %q10, m; cvta.global.u64 %q10, %q10; mov.u64 %q11, 0; " PRINTF, ".global .b8 m[16] = {37, 100, 37, 115, 37, 102, 37, 112, 10, 0};\n"},
    {"print_wide", kOk, LOCAL "mov.u64 %q10, m; cvta.global.u64 %q10, %q10; mov.u32 %r3, 0x7fffffff; st.local.u32 [loc], %r3; mov.u64 %q11, loc; cvta.local.u64 %q11, %q11; " PRINTF,
     ".global .b8 m[32] = {37, 57, 57, 57, 57, 57, 57, 57, 57, 57, 100, 37, 42, 46, 42, 102, 37, 42, 115, 10, 0};\n", {32, 1, 1}, 1, 0, false, nullptr, true},
    {"print_unfinished", kOk, "mov.u64 %q10, m; cvta.global.u64 %q10, %q10; mov.u64 %q11, 0; " PRINTF, ".global .b8 m[4] = {37, 37, 37, 108};\n"},
    {"malloc_everything", kOk, "mov.u64 %q10, -1; " MALLOC "mov.u64 %q10, 0x7fffffffffffffff; " MALLOC "mov.u64 %q10, 0; " MALLOC "mov.u32 %r3, 0; L: mov.u64 %q10, 65536; " MALLOC "add.u32 %r3, %r3, 1; setp.ne.u64 %p1, %q11, 0; setp.lt.and.u32 %p1, %r3, 4096, %p1; @%p1 bra L;"},
    {"malloc_outside", kIllegalAddress, "mov.u64 %q10, 100; " MALLOC "st.u32 [%q11+0x10000000], 1;"},
    {"free_garbage", kIllegalAddress, "mov.u64 %q10, 0x123456789000; " FREE},
    {"free_twice", kIllegalAddress, "mov.u64 %q10, 100; " MALLOC "mov.u64 %q10, %q11; " FREE FREE, "", {1, 1, 1}},
    {"free_of_the_hosts", kFailed, "mov.u64 %q10, %q0; " FREE, "", {1, 1, 1}},
    // warps
    {"shuffle_nobody", kOk, "shfl.sync.idx.b32 %r3, %r1, 77, 0xffffffff, 0; shfl.sync.up.b32 %r3|%p1, %r1, 0xffffffff, 0xffffffff, 0x5; st.global.u32 [%q0], %r3;"},
    {"votes_of_nobody", kOk, "vote.sync.ballot.b32 %r3, 1, 0; vote.sync.all.pred %p1, 0, 2; match.any.sync.b32 %r4, %r1, 0; match.all.sync.b64 %r5|%p2, %q0, 8; bar.warp.sync 0; st.global.u32 [%q0], %r3;"},
    {"reductions_of_nobody", kOk, "redux.sync.add.s32 %r3, %r1, 0; redux.sync.min.u32 %r3, %r1, 1; st.global.u32 [%q0], %r3;", "", {32, 1, 1}, 1, 0, false, "sm_80"},
    {"lanes_that_never_come", kOk, DIVERGE "bra END;\nOTHER: bar.warp.sync 0xffffffff; vote.sync.any.pred %p2, 1, 0xffffffff;\nEND:"},
    // wide instructions
    {"ldmatrix_wild", kIllegalAddress, "mov.u32 %r3, 0x100000; ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r4, %r5, %r6, %r7}, [%r3]; st.global.u32 [%q0], %r4;", SHARED},
    {"ldmatrix_misaligned", kMisaligned, "mov.u32 %r3, s; add.u32 %r3, %r3, 4; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r4}, [%r3]; st.global.u32 [%q0], %r4;", SHARED},
    {"stmatrix_wild", kIllegalAddress, "mov.u32 %r3, 0x100000; stmatrix.sync.aligned.m8n8.x4.shared.b16 [%r3], {%r1, %r1, %r1, %r1};", SHARED, {32, 1, 1}, 1, 0, false, "sm_90"},
    {"async_copy_from_nowhere", kIllegalAddress, "mov.u32 %r3, s; cp.async.ca.shared.global [%r3], [%q3+4096], 16; cp.async.wait_all;", SHARED, {32, 1, 1}, 1, 0, false, "sm_80"},
    {"async_copy_to_nowhere", kIllegalAddress, "mov.u32 %r3, 0x100000; cp.async.ca.shared.global [%r3], [%q0], 16; cp.async.wait_all;", SHARED, {32, 1, 1}, 1, 0, false, "sm_80"},
    {"async_copy_across_end", kIllegalAddress, "mov.u32 %r3, s; cp.async.cg.shared.global [%r3], [%q0+192], 16; cp.async.wait_all;", SHARED, {32, 1, 1}, 1, 0, false, "sm_80"},
    {"mbarrier_wild", kIllegalAddress, "mov.u32 %r3, 0x100000; mbarrier.init.shared.b64 [%r3], 1;", SHARED, {32, 1, 1}, 1, 0, false, "sm_80"},
    {"mbarrier_garbage", kOk, "mov.u64 %q4, -1; st.shared.u64 [s], %q4; mbarrier.arrive.shared.b64 %q5, [s]; mbarrier.test_wait.shared.b64 %p1, [s], %q4; mbarrier.inval.shared.b64 [s];", SHARED, {32, 1, 1}, 1, 0, false, "sm_80"},
    {"wmma_load_wild", kIllegalAddress, "wmma.load.a.sync.aligned.row.m16n16k16.global.f16 {%r4, %r5, %r6, %r7, %r8, %r9, %r10, %r11}, [%q3+0x10000], 16; st.global.u32 [%q0], %r4;"},
    {"wmma_store_across_end", kIllegalAddress, "wmma.store.d.sync.aligned.row.m16n16k16.global.f32 [%q0], {%r4, %r5, %r6, %r7, %r8, %r9, %r10, %r11}, 16;"},
    // sizes
    {"all_threads_all_shared", kOk, "mov.u32 %r3, dyn; mad.lo.u32 %r3, %r0, 4, %r3; st.shared.u32 [%r3], %r0; bar.sync 0;", DYNAMIC, {1024, 1, 1}, 2, 90 << 10},
    {"shared_more_than_there_is", kInvalid, "", DYNAMIC, {32, 1, 1}, 1, 1 << 20},
    {"too_many_threads", kInvalid, "", "", {32, 32, 2}},
    {"block_too_deep", kInvalid, "", "", {1, 1, 65}},
    {"local_of_everyone", kOk, ".local .b8 big[200000];\nmov.u64 %q4, big; cvt.u64.u32 %q5, %r0; add.u64 %q4, %q4, %q5; st.local.u8 [%q4+100000], %h0; ld.local.u8 %h1, [%q4+100000]; st.global.u8 [%q0], %h1;", "", {1024, 1, 1}, 64},
};
