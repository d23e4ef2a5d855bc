# NVIDIA H200, SXM5 with 141 GB: Hopper, PCIe 5 x16. Numbers as driver 580.159.04 told them.
driver = 580.159.04
cuda = 13.0
peers = nvlink

[device]
name = NVIDIA H200
compute_capability = 9.0
multiprocessors = 132
memory_mib = 143771
reserved_mib = 615
pci = 0000:19:00.0
pci_device_id = 233510de
pci_subsystem_id = 18bf10de
pcie_generation = 5
pcie_width = 16
pcie_gb_per_s = 55
copy_engines = 3
clock_mhz = 1980
base_clock_mhz = 1980
memory_clock_mhz = 3201
memory_bus_bits = 6016
l2_kib = 61440
power_limit_w = 700
idle_power_w = 76
temperature_c = 30
ecc = 1
vbios = 96.00.A5.00.1A
part_number = 692-2G520-0282-000
