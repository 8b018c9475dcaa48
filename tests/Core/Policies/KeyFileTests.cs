using System.Text;
using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Core.Tests.Policies;

/// <summary>The files that a policy names or is: public keys, and stack files found from a folder.</summary>
public sealed class KeyFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("backup-policy-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // A version 4 key packet in new format: tag 6 is public, 5 private, 13 a user id.
    private static readonly byte[] _public = [0xC6, 2, 4, 0, 0xCD, 1, 65];
    private static readonly byte[] _private = [0xC5, 2, 4, 0];

    [Fact]
    public void A_public_key_is_accepted_armored_and_binary_with_its_path_made_full()
    {
        Write("a.asc", Encoding.ASCII.GetBytes(Armored("PUBLIC", _public)));
        Write("b.gpg", _public);
        var reading = Read("a.asc", "b.gpg");
        Assert.Empty(reading.Problems.Select(PolicyReading.Describe));
        Assert.Equal([Path.Combine(_folder, "a.asc"), Path.Combine(_folder, "b.gpg")], reading.Policy!.Encryption.GpgRecipients);
    }

    [Fact]
    public void The_secret_of_a_drill_key_is_a_name_beside_the_files()
    {
        Write("a.asc", _public);
        var reading = PolicyText.Read(PolicyText.Least + "encryption: { gpgRecipients: [a.asc], drillKey: bloom/drill-key }\n", folder: _folder);
        Assert.Equal("bloom/drill-key", reading.OrThrow().Encryption.DrillKey);
    }

    [Fact]
    public void Everything_that_is_no_public_key_is_refused()
    {
        Write("text.asc", "hello"u8.ToArray());
        Write("empty.asc", []);
        Write("armored.asc", Encoding.ASCII.GetBytes(Armored("PRIVATE", _private)));
        Write("binary.gpg", _private);
        Write("disguised.asc", Encoding.ASCII.GetBytes(Armored("PUBLIC", _private)));
        Write("both.gpg", [.. _public, .. _private]);
        Assert.Equal(
            [
                "\"text.asc\" is not a public key",
                "\"empty.asc\" is not a public key",
                "\"armored.asc\" holds a private key",
                "\"binary.gpg\" holds a private key",
                "\"disguised.asc\" holds a private key",
                "\"both.gpg\" holds a private key",
                "\"missing.asc\" does not exist",
            ],
            Read("text.asc", "empty.asc", "armored.asc", "binary.gpg", "disguised.asc", "both.gpg", "missing.asc").Problems.Select(p => p.Sentence));
    }

    [Fact]
    public void A_wrong_key_file_is_reported_with_its_path_and_what_to_write() =>
        Assert.Equal(["encryption.gpgRecipients[0] (line 6): \"missing.asc\" does not exist → write the path, from the policy's folder, of what `gpg --armor --export` made"],
            Read("missing.asc").Problems.Select(PolicyReading.Describe));

    [Fact]
    public void The_file_of_a_stack_is_found_in_the_nearest_folder()
    {
        var below = Directory.CreateDirectory(Path.Combine(_folder, "a", "b")).FullName;
        Write("Pulumi.prod.yaml", []);
        Assert.Equal(Path.Combine(_folder, "Pulumi.prod.yaml"), PolicyFiles.OfStack("prod", below));
        Assert.Equal(Path.Combine(_folder, "Pulumi.prod.yaml"), PolicyFiles.OfStack("acme/backup/prod", below));
        Write("a/Pulumi.prod.yaml", []);
        Assert.Equal(Path.Combine(_folder, "a", "Pulumi.prod.yaml"), PolicyFiles.OfStack("prod", below));
    }

    [Theory]
    [InlineData("missing-stack", "there is no Pulumi.missing-stack.yaml in ")]
    [InlineData("", "the stack's name has other characters")]
    [InlineData("a b", "the stack's name has other characters")]
    [InlineData("..\\x", "the stack's name has other characters")]
    public void A_stack_without_a_file_is_a_usage_error(string stack, string expected)
    {
        var thrown = Assert.Throws<BackupException>(() => PolicyFiles.OfStack(stack, _folder));
        Assert.Equal(ErrorCode.UsageWrong, thrown.Code);
        Assert.StartsWith(expected, thrown.Message, StringComparison.Ordinal);
    }

    private void Write(string name, byte[] content) => File.WriteAllBytes(Path.Combine(_folder, name), content);

    private PolicyReading Read(params string[] recipients) =>
        PolicyText.Read(PolicyText.Least + $"encryption: {{ gpgRecipients: [{string.Join(", ", recipients)}] }}\n", folder: _folder);

    private static string Armored(string kind, byte[] packets) =>
        $"-----BEGIN PGP {kind} KEY BLOCK-----\nComment: test\n\n{Convert.ToBase64String(packets)}\n=abcd\n-----END PGP {kind} KEY BLOCK-----\n";
}
