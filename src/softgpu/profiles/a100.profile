# NVIDIA A100, SXM4 with 80 GB: Ampere, PCIe 4 x16.
driver = 580.95.05
cuda = 13.0
peers = nvlink

[device]
name = NVIDIA A100-SXM4-80GB
compute_capability = 8.0
multiprocessors = 108
memory_mib = 81920
reserved_mib = 767
pci = 0000:07:00.0
pci_device_id = 20b210de
pci_subsystem_id = 146310de
pcie_generation = 4
pcie_width = 16
pcie_gb_per_s = 25
copy_engines = 3
clock_mhz = 1410
base_clock_mhz = 1155
memory_clock_mhz = 1593
memory_bus_bits = 5120
l2_kib = 40960
power_limit_w = 400
idle_power_w = 62
temperature_c = 32
ecc = 1
vbios = 92.00.9E.00.01
part_number = 692-2G506-0210-002
