// Which library the worker takes, with fakes in the places where it looks.
#include "worker/driver_library.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "worker/driver.h"

namespace worker {
namespace {

const std::string kFakes = std::string(TF_FAKES) + "/fake", kDriverFile = kFakes + "/driver/libcuda.so.1", kClientFile = kFakes + "/client/libcuda.so.1";

class DriverLibrary : public testing::Test {
 protected:
  void SetUp() override {
    unsetenv("TF_FAKE_DRIVER");
    char name[] = "/tmp/worker-test-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    request_.executable_folder = folder_;
    request_.nvml_places = {};
  }
  void TearDown() override {
    unsetenv("TF_FAKE_DRIVER");
    ASSERT_EQ(system(("rm -r " + folder_).c_str()), 0);
  }
  std::string link(const std::string& to, const std::string& from) {
    const std::string path = folder_ + "/" + from;
    mkdir(path.substr(0, path.rfind('/')).c_str(), 0755);
    EXPECT_EQ(symlink(to.c_str(), path.c_str()), 0) << path;
    return path;
  }
  std::string folder_;
  DriverRequest request_;
};

TEST_F(DriverLibrary, takes_the_one_asked_for) {
  request_.cuda = kDriverFile;
  request_.cuda_places = {"/nowhere/libcuda.so.1"};
  DriverChoice choice = choose_driver(request_);
  EXPECT_EQ(choice.error, "");
  EXPECT_EQ(choice.cuda, kDriverFile);
  EXPECT_EQ(choice.nvml, "") << "there is none";
}

TEST_F(DriverLibrary, does_not_replace_the_one_asked_for) {
  link(kDriverFile, "softgpu/libcuda.so.1");
  request_.cuda = "/nowhere/libcuda.so.1";
  EXPECT_NE(choose_driver(request_).error.find("cannot use libcuda /nowhere/libcuda.so.1: "), std::string::npos);
  request_.cuda = kDriverFile;
  setenv("TF_FAKE_DRIVER", "init_fails", 1);
  EXPECT_NE(choose_driver(request_).error.find("cuInit answers error 100"), std::string::npos);
  request_.cuda = kClientFile;
  EXPECT_NE(choose_driver(request_).error.find("own client library"), std::string::npos);
}

TEST_F(DriverLibrary, passes_over_our_own_client) {
  link(kDriverFile, "softgpu/libcuda.so.1");
  request_.cuda_places = {kClientFile, kDriverFile};
  EXPECT_EQ(choose_driver(request_).cuda, kDriverFile);
  request_.cuda_places = {kClientFile};
  DriverChoice choice = choose_driver(request_);
  EXPECT_EQ(choice.cuda, folder_ + "/softgpu/libcuda.so.1");
  EXPECT_NE(choice.why.find("own client library"), std::string::npos) << choice.why;
}

TEST_F(DriverLibrary, falls_back_to_the_software_gpu_and_says_why) {
  // The fake behaves the same wherever it lies, so the place that fails is one without the library.
  const std::string soft = link(kDriverFile, "softgpu/libcuda.so.1");
  request_.cuda_places = {"/nowhere/libcuda.so.1"};
  request_.nvml_places = {kDriverFile};
  DriverChoice choice = choose_driver(request_);
  EXPECT_EQ(choice.error, "");
  EXPECT_EQ(choice.cuda, soft);
  EXPECT_EQ(choice.nvml, "") << "the system's knows nothing of the software GPU";
  EXPECT_NE(choice.why.find("/nowhere/libcuda.so.1"), std::string::npos) << choice.why;
  const std::string soft_nvml = link(kDriverFile, "softgpu/libnvidia-ml.so.1");
  EXPECT_EQ(choose_driver(request_).nvml, soft_nvml);
}

TEST_F(DriverLibrary, a_driver_that_is_there_but_broken_is_not_taken) {
  request_.cuda_places = {kDriverFile};
  for (auto [how, text] : {std::pair{"no_device", "it sees no GPU"}, {"init_fails", "cuInit answers error 100"}, {"crash", "signal 6"}}) {
    setenv("TF_FAKE_DRIVER", how, 1);
    DriverChoice choice = choose_driver(request_);
    EXPECT_EQ(choice.cuda, "") << how;
    EXPECT_NE(choice.error.find(text), std::string::npos) << choice.error;
    EXPECT_NE(choice.error.find("softgpu/libcuda.so.1"), std::string::npos) << "where it could be: " << choice.error;
  }
}

TEST_F(DriverLibrary, nvml_asked_for_or_beside_or_the_systems) {
  request_.cuda_places = {link(kDriverFile, "nvidia/libcuda.so.1")};
  request_.nvml_places = {kClientFile, kDriverFile};
  EXPECT_EQ(choose_driver(request_).nvml, kDriverFile);
  const std::string beside = link(kDriverFile, "nvidia/libnvidia-ml.so.1");
  EXPECT_EQ(choose_driver(request_).nvml, beside);
  request_.nvml = link(kDriverFile, "other/nvml");
  EXPECT_EQ(choose_driver(request_).nvml, request_.nvml);
  request_.nvml = "/nowhere/nvml";
  EXPECT_NE(choose_driver(request_).error.find("cannot use libnvidia-ml /nowhere/nvml"), std::string::npos);
}

TEST_F(DriverLibrary, opens_and_initialises) {
  static Driver driver;
  EXPECT_EQ(open_driver(kDriverFile, "", &driver), "");
  EXPECT_NE(open_driver("/nowhere/libcuda.so.1", "", &driver).find("cannot load"), std::string::npos);
  setenv("TF_FAKE_DRIVER", "init_fails", 1);
  EXPECT_NE(open_driver(kDriverFile, "", &driver).find("answers error 100"), std::string::npos);
}

TEST_F(DriverLibrary, looks_through_ld_library_path) {
  const char* before = getenv("LD_LIBRARY_PATH");
  const std::string saved = before ? before : "";
  setenv("LD_LIBRARY_PATH", ("/nowhere:" + kFakes + "/client::" + kFakes + "/driver").c_str(), 1);
  std::vector<std::string> places = system_places("libcuda.so.1");
  if (before) setenv("LD_LIBRARY_PATH", saved.c_str(), 1);
  else unsetenv("LD_LIBRARY_PATH");
  ASSERT_GE(places.size(), 3u);
  EXPECT_EQ(places[0], "libcuda.so.1");
  EXPECT_EQ(places[1], kClientFile);
  EXPECT_EQ(places[2], kDriverFile);
}

}  // namespace
}  // namespace worker
