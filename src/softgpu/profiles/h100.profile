# NVIDIA H100, SXM5 with 80 GB: Hopper, PCIe 5 x16.
driver = 580.95.05
cuda = 13.0
peers = nvlink

[device]
name = NVIDIA H100 80GB HBM3
compute_capability = 9.0
multiprocessors = 132
memory_mib = 81559
reserved_mib = 551
pci = 0000:19:00.0
pci_device_id = 233010de
pci_subsystem_id = 16c110de
pcie_generation = 5
pcie_width = 16
pcie_gb_per_s = 55
copy_engines = 3
clock_mhz = 1980
base_clock_mhz = 1590
memory_clock_mhz = 2619
memory_bus_bits = 5120
l2_kib = 51200
power_limit_w = 700
idle_power_w = 70
temperature_c = 31
ecc = 1
vbios = 96.00.74.00.01
part_number = 692-2G520-0200-000
