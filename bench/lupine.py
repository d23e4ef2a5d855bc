"""What the best known peer, LUPINE (commit 7fbd364, 2026-08-21), reached with the same kit on the same kind of machine: its share of native's speed over loopback TCP and at a round trip
of 0.4 ms. Measured on 2026-11-21, driver 580.159.04; without a local fix of 38 lines none of its 16-bit matrix products ran on an H200."""
SLOWDOWN = {  # figure: times as slow as native on loopback, at 0.4 ms; None was not measured
    "llm.load": (2.4, 3.3), "llm.prefill512": (2.5, 11.3), "llm.generate_first": (7.0, None), "llm.generate": (3.0, 13.1), "llm.loop": (None, 12.8),
    "llm.graph": (1.01, 0.99),
    "train.small.train": (1.4, 2.9), "train.gpt2.train": (1.6, 3.1), "resnet.b1.stream": (1.8, 2.3), "resnet.b1.read_each": (2.6, 3.1),
    "resnet.b64.stream": (3.2, 6.2), "ops.bert_b1": (4.2, 24.8),
    "ops.add_": (1.3, 2.0), "ops.to_device_scalar": (5.8, 39), "ops.item": (143, 165), "ops.nonzero": (27, 47), "ops.matmul8192": (1.02, 1.03),
    "ops.to_pinned_64MB": (53, 55), "micro.startup.total": (1.6, 1.6),
    "micro.launch.0p.e2e": (2.0, 1.7), "micro.launch.16p.e2e": (2.4, 2.4), "micro.launch.1720B.e2e": (2.9, 2.5),
    "micro.launch.100_then_sync": (3.4, 4.2), "micro.threads.4x_launch16p": (7.1, 8.2), "micro.sync.launch_sync": (6.6, 52),
    "micro.sync.stream_idle": (96, 983), "micro.alloc.cudaMalloc.2MB": (2.4, 11.6), "micro.alloc.cudaFree.2MB": (2.5, 13.8),
    "micro.small.h2d_sync.4B": (9.0, 87), "micro.small.d2h_sync.4B": (5.5, 55), "micro.small.item": (6.9, 47),
    "micro.graph.launch_sync": (1.5, 11.9), "micro.graph.launch.host": (18, 207), "micro.graph.capture100": (564, 762),
    "micro.object.stream_create_destroy": (21, 256), "micro.object.event_create_destroy": (183, 2136),
    "micro.hostfunc.seen": (6.6, 46), "micro.query.cudaPointerGetAttributes": (595, 6525), "micro.query.cuCtxGetLimit": (1002, 11025),
    "micro.copy.h2d.pinned.sync.256MB": (26, None), "micro.copy.d2h.pinned.sync.256MB": (25, None),
}
