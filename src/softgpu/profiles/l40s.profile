# NVIDIA L40S: Ada, 48 GB, PCIe 4 x16.
driver = 580.95.05
cuda = 13.0
peers = pcie

[device]
name = NVIDIA L40S
compute_capability = 8.9
multiprocessors = 142
memory_mib = 46068
reserved_mib = 526
pci = 0000:38:00.0
pci_device_id = 26b910de
pci_subsystem_id = 185110de
pcie_generation = 4
pcie_width = 16
pcie_gb_per_s = 25
copy_engines = 2
clock_mhz = 2520
base_clock_mhz = 1110
memory_clock_mhz = 9001
memory_bus_bits = 384
l2_kib = 98304
power_limit_w = 350
idle_power_w = 33
temperature_c = 30
ecc = 1
vbios = 95.02.66.00.02
part_number = 900-2G133-0080-000
