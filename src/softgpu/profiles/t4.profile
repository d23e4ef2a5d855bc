# NVIDIA T4: Turing, 16 GB, PCIe 3 x16. Programs need PTX for compute capability 7.5 or less.
driver = 580.95.05
cuda = 13.0
peers = pcie

[device]
name = Tesla T4
brand = tesla
compute_capability = 7.5
multiprocessors = 40
memory_mib = 15360
reserved_mib = 429
pci = 0000:00:1E.0
pci_device_id = 1eb810de
pci_subsystem_id = 12a210de
pcie_generation = 3
pcie_width = 16
pcie_gb_per_s = 12
copy_engines = 3
clock_mhz = 1590
base_clock_mhz = 585
memory_clock_mhz = 5001
memory_bus_bits = 256
l2_kib = 4096
power_limit_w = 70
idle_power_w = 9
temperature_c = 34
ecc = 1
vbios = 90.04.A7.00.01
part_number = 900-2G183-0000-001
