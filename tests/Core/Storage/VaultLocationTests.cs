using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Tests.Storage;

public sealed class VaultLocationTests
{
    [Fact]
    public void An_s3_url_holds_bucket_prefix_and_settings()
    {
        var location = VaultLocation.Parse("s3://my-vault/team/db/?region=eu-west-1&endpoint=https%3A%2F%2Fs3.example.com&kmsKey=alias/v&tags=off", null);
        Assert.Equal(new S3Location
        {
            Bucket = "my-vault",
            Prefix = "team/db/",
            Region = "eu-west-1",
            Endpoint = new Uri("https://s3.example.com"),
            KmsKey = "alias/v",
            Tags = false,
        }, location);
        Assert.Equal("s3://my-vault/team/db", location.ToString());
        Assert.Equal("s3://my-vault", VaultLocation.Parse("s3://my-vault", null).ToString());
    }

    [Fact]
    public void Anything_else_is_a_folder()
    {
        Assert.Equal(new FolderLocation("/srv/policies/backups"), VaultLocation.Parse("backups", "/srv/policies"));
        Assert.Equal(new FolderLocation("/mnt/usb"), VaultLocation.Parse("/mnt/usb", "/srv/policies"));
        Assert.Equal(new FolderLocation(Path.GetFullPath("x")), VaultLocation.Parse("./x", null));
    }

    [Theory]
    [InlineData("")]
    [InlineData("s3://")]
    [InlineData("s3://Not_A_Bucket/x")]
    [InlineData("s3://key:secret@bucket/x")]
    [InlineData("s3://bucket/a/../b")]
    [InlineData("s3://bucket/a//b")]
    [InlineData("s3://bucket?secretKey=secret")]
    [InlineData("s3://bucket?region=")]
    [InlineData("s3://bucket?region=a&region=b")]
    [InlineData("s3://bucket?tags=maybe")]
    [InlineData("s3://bucket?endpoint=ftp://x")]
    [InlineData("s3://bucket?endpoint=https://user:secret@x")]
    [InlineData("https://bucket.s3.amazonaws.com/x?X-Amz-Signature=secret")]
    public void A_wrong_location_is_a_usage_error_that_repeats_no_secret(string text)
    {
        var error = Assert.Throws<BackupException>(() => VaultLocation.Parse(text, null));
        Assert.Equal(ErrorCode.UsageWrong, error.Code);
        Assert.DoesNotContain("=secret", error.Message + error.NextStep, StringComparison.Ordinal);
        Assert.DoesNotContain(":secret", error.Message + error.NextStep, StringComparison.Ordinal);
    }
}
